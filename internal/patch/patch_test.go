package patch_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/patch"
)

// rebuilt is the new text, made of the old one and of the spans.
func rebuilt(old, new patch.Text, spans []patch.Span) []byte {
	var out []byte
	at := 0
	for _, s := range spans {
		for ; at < s.A; at++ {
			out = append(out, old.Line(at)...)
		}
		for i := range s.NB {
			out = append(out, new.Line(s.B+i)...)
		}
		at += s.NA
	}
	for ; at < old.Len(); at++ {
		out = append(out, old.Line(at)...)
	}
	return out
}

// FuzzDiff: whatever the texts, the spans make the new one of the old one, lie in order, and are no longer than need be.
func FuzzDiff(f *testing.F) {
	for _, p := range [][2]string{{"", ""}, {"a", "a\n"}, {"a\nb\n", "b\na\n"}, {"\n\n\n", "\n"}, {"{\n}\n\n{\n}\n", "{\n}\n"}, {"a\r\nb", "a\nb"}} {
		f.Add([]byte(p[0]), []byte(p[1]))
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, b := patch.NewText(x), patch.NewText(y)
		for name, spans := range map[string][]patch.Span{"diff": patch.Diff(a, b), "ends": patch.DiffEnds(a, b), "bare": patch.DiffBare(x, y)} {
			end := patch.Span{A: -1, B: -1}
			for _, s := range spans {
				if s.A <= end.A || s.B <= end.B || s.NA < 0 || s.NB < 0 || s.NA+s.NB == 0 {
					t.Fatalf("%s: %v", name, spans)
				}
				end = patch.Span{A: s.A + s.NA, B: s.B + s.NB}
			}
			if got := rebuilt(a, b, spans); !bytes.Equal(got, y) {
				t.Fatalf("%s: %q became %q, not %q", name, x, got, y)
			}
			if len(spans) > 0 && bytes.Equal(x, y) {
				t.Fatalf("%s: equal texts differ: %v", name, spans)
			}
		}
		var out bytes.Buffer
		if err := patch.WriteHunks(&out, a, b, patch.Diff(a, b)); err != nil {
			t.Fatal(err)
		}
	})
}

// blobs are contents by id.
type blobs map[hub.OID]string

func (b blobs) Size(oid hub.OID) (int64, error) { return int64(len(b[oid])), nil }

func (b blobs) Bytes(oid hub.OID) ([]byte, error) {
	text, ok := b[oid]
	if !ok {
		return nil, errors.New("absent")
	}
	return []byte(text), nil
}

func (b blobs) gone(path, text string) patch.File {
	oid := git.Hash(git.KindBlob, []byte(text))
	b[oid] = text
	return patch.File{OldPath: path, Path: path, OldMode: git.ModeFile, OldOID: oid}
}

func (b blobs) come(path, text string) patch.File {
	f := b.gone(path, text)
	return patch.File{OldPath: path, Path: path, NewMode: f.OldMode, NewOID: f.OldOID}
}

// TestRenamesWithinBounds: equal content is found always, similar content only where looking for it is cheap.
func TestRenamesWithinBounds(t *testing.T) {
	text := numbered(100)
	for name, row := range map[string]struct {
		limits patch.RenameLimits
		want   string
	}{
		"enough":       {patch.RenameLimits{Pairs: 10, Bytes: 1 << 20}, "equal2<equal similar2<similar"},
		"few pairs":    {patch.RenameLimits{Pairs: 1, Bytes: 1 << 20}, "equal2<equal other similar similar2"},
		"little bytes": {patch.RenameLimits{Pairs: 10, Bytes: 500}, "equal2<equal other similar similar2"},
	} {
		b := blobs{}
		files := []patch.File{b.gone("equal", text), b.come("equal2", text), b.gone("other", "x"), b.gone("similar", text+"1\n"), b.come("similar2", text+"2\n")}
		if name == "enough" {
			files = append(files[:2], files[3:]...)
		}
		got, err := patch.Renames(files, row.limits, b)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range got {
			if f.Renamed() {
				said = append(said, f.Path+"<"+f.OldPath)
			} else {
				said = append(said, f.Path)
			}
		}
		if strings.Join(said, " ") != row.want {
			t.Errorf("%s: %v, want %s", name, said, row.want)
		}
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("line ", i%7))
		b.WriteByte('\n')
	}
	return b.String()
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"a/plain name.txt": "a/plain name.txt", "ü": `"\303\274"`, `a"b\c`: `"a\"b\\c"`, "t\tn\nr\r": `"t\tn\nr\r"`, "\x01\x7f": `"\001\177"`, "": "", "~!'": "~!'",
	} {
		if got := patch.Quote(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
