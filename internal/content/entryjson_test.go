package content

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestEncodeEntries(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[a-z/._-]{0,20}`), rapid.String(), rapid.Just("<&>\u2028\x7f\xff\"\\\n"))
	entry := rapid.Custom(func(t *rapid.T) Entry {
		e := Entry{Type: "file", OID: text.Draw(t, "oid"), Size: rapid.Int64().Draw(t, "size"), XetHash: text.Draw(t, "hash"), Path: text.Draw(t, "path")}
		if rapid.Bool().Draw(t, "lfs") {
			e.LFS = &LFS{OID: text.Draw(t, "sha"), Size: rapid.Int64().Draw(t, "large"), PointerSize: 130}
		}
		if rapid.Bool().Draw(t, "last") {
			e.LastCommit = &LastCommit{ID: text.Draw(t, "id"), Title: text.Draw(t, "title"), Date: text.Draw(t, "date")}
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(entry, 0, 5).Draw(t, "list")
		want, err := json.Marshal(append([]Entry{}, list...))
		if err != nil {
			t.Fatal(err)
		}
		if got := EncodeEntries(list); string(got) != string(want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}
