package content

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// inFull is an entry as encoding/json writes it.
type inFull struct {
	Type       string  `json:"type"`
	OID        string  `json:"oid"`
	Size       int64   `json:"size"`
	LFS        *LFS    `json:"lfs,omitempty"`
	XetHash    string  `json:"xetHash,omitempty"`
	Path       string  `json:"path"`
	LastCommit *change `json:"lastCommit,omitempty"`
}

type change struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Date  string `json:"date"`
}

func TestAppendEntries(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[a-z/._-]{0,20}`), rapid.String(), rapid.Just("<&>\u2028\x7f\xff\"\\\n"))
	entry := rapid.Custom(func(t *rapid.T) Entry {
		e := Entry{Type: "file", Size: rapid.Int64().Draw(t, "size"), XetHash: text.Draw(t, "hash"), Path: text.Draw(t, "path")}
		copy(e.OID[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "oid"))
		if rapid.Bool().Draw(t, "lfs") {
			e.LFS = &LFS{OID: text.Draw(t, "sha"), Size: rapid.Int64().Draw(t, "large"), PointerSize: 130, Lost: rapid.Bool().Draw(t, "lost")}
		}
		if rapid.Bool().Draw(t, "last") {
			e.LastCommit = &LastCommit{ID: text.Draw(t, "id"), Title: text.Draw(t, "title"), Date: text.Draw(t, "date")}
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(entry, 0, 5).Draw(t, "list")
		full := make([]inFull, len(list))
		for i, e := range list {
			full[i] = inFull{e.Type, e.OID.String(), e.Size, e.LFS, e.XetHash, e.Path, (*change)(e.LastCommit)}
		}
		want, err := json.Marshal(full)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendEntries([]byte("x"), list)[1:]; string(got) != string(want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}
