package gitclient

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// sources are folders of real projects of moderate size: modules that this one is built from.
func sources(t *testing.T, n int) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "github.com", "*", "*@*"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range all {
		var bytes int64
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, _ error) error {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
			return nil
		})
		if bytes > 200_000 && bytes < 4_000_000 {
			found = append(found, dir)
		}
		if len(found) == n {
			return found
		}
	}
	t.Fatalf("%d of %d modules", len(found), n)
	return nil
}

// S4: of the histories of twelve real projects nothing is refused, and all comes back.
func TestRealMirrorsAreTaken(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	u := as(t, h, alice)
	taken := 0
	for i, source := range sources(t, 12) {
		dir := filepath.Join(t.TempDir(), "work")
		u.git("/", "init", "-q", dir)
		entries, err := os.ReadDir(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries { // one commit for each, as a project grows
			from := os.DirFS(filepath.Join(source, e.Name()))
			if !e.IsDir() {
				text, err := os.ReadFile(filepath.Join(source, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				u.write(dir, e.Name(), string(text))
			} else if err := os.CopyFS(filepath.Join(dir, e.Name()), from); err != nil {
				t.Fatal(err)
			}
			u.commit(dir, "add "+e.Name())
		}
		u.git(dir, "tag", "-a", "v1", "-m", "v1")
		u.git(dir, "branch", "old", "HEAD~1")
		id := fmt.Sprint("alice/mirror-", i)
		h.CreateRepo(alice, hub.Dataset, id, false)
		if out, ok := u.try(dir, "", "git", "push", "-q", "--mirror", u.remote("datasets/"+id)); !ok {
			t.Errorf("%s was refused: %s", filepath.Base(source), out)
			continue
		}
		mirror := u.clone("datasets/"+id, "--mirror")
		list := []string{"cat-file", "--batch-all-objects", "--batch-check"}
		if u.git(mirror, list...) != u.git(dir, list...) {
			t.Errorf("%s came back with other objects", filepath.Base(source))
		}
		taken++
	}
	t.Logf("S4: %d of 12 real mirrors taken and given back whole", taken)
}
