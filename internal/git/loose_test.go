package git_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Loose objects go to git and come from it.
func TestLooseObjects(t *testing.T) {
	r := newRepo(t)
	for _, data := range []string{"", "a", strings.Repeat("some text\n", 10_000) + "end"} {
		path := func(oid hub.OID) string {
			return filepath.Join(r.dir, "objects", oid.String()[:2], oid.String()[2:])
		}
		oid := git.Hash(git.KindBlob, []byte(data))
		var b bytes.Buffer
		if err := git.AppendLoose(&b, git.KindBlob, []byte(data)); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path(oid)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(oid), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := r.git(nil, "cat-file", "blob", oid.String()); got != data {
			t.Errorf("git reads %d bytes of %d", len(got), len(data))
		}

		theirs := data + "theirs"
		name, err := hub.ParseOID(r.git([]byte(theirs), "hash-object", "-w", "--stdin"))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatal(err)
		}
		kind, got, err := git.ReadLoose(bytes.NewReader(raw), name, int64(len(theirs)))
		if err != nil || kind != git.KindBlob || string(got) != theirs {
			t.Errorf("git's: %v, %v, %d bytes", err, kind, len(got))
		}
		if _, _, err := git.ReadLoose(bytes.NewReader(raw), name, int64(len(theirs))-1); !errors.Is(err, git.ErrLimit) {
			t.Errorf("over the limit: %v", err)
		}
		if _, _, err := git.ReadLoose(bytes.NewReader(raw), oid, 1<<20); !errors.Is(err, git.ErrMalformed) {
			t.Errorf("another id: %v", err)
		}
		if _, _, err := git.ReadLoose(bytes.NewReader(raw[:len(raw)-5]), name, 1<<20); !errors.Is(err, git.ErrMalformed) {
			t.Errorf("cut short: %v", err)
		}
	}
}
