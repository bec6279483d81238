package gitclient

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// stdlib makes a repository of the Go standard library, as a project grows: each commit brings some packages, and
// touches files of those before.
func stdlib(u *user, dir string) {
	u.t.Helper()
	root, err := exec.CommandContext(u.t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		u.t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	top, err := os.ReadDir(src)
	if err != nil {
		u.t.Fatalf("no source of the standard library here: %v", err)
	}
	u.git("/", "init", "-q", dir)
	var before []string
	step := 0
	for batch := range slices.Chunk(top, 6) {
		for _, e := range batch {
			if !e.IsDir() || e.Name() == "vendor" {
				continue
			}
			if err := os.CopyFS(filepath.Join(dir, "src", e.Name()), os.DirFS(filepath.Join(src, e.Name()))); err != nil {
				u.t.Fatal(err)
			}
			files, _ := filepath.Glob(filepath.Join(dir, "src", e.Name(), "*.go"))
			before = append(before, files...)
		}
		u.commit(dir, fmt.Sprintf("packages %d", step))
		for range 3 {
			step++
			for i := step % 7; i < len(before); i += 7 {
				f, err := os.OpenFile(before[i], os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					u.t.Fatal(err)
				}
				fmt.Fprintf(f, "// touched by step %d\n", step)
				f.Close()
			}
			u.commit(dir, fmt.Sprintf("step %d", step))
		}
	}
	u.git(dir, "tag", "-a", "v1", "-m", "v1")
}

// A real history goes in and comes back object by object.
func TestRealHistory(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute's work")
	}
	dir := filepath.Join(t.TempDir(), "history")
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		if _, err := os.Stat(dir); err != nil { // one history for both kinds of storage
			stdlib(u, dir)
		}
		list := func(dir string) string {
			return u.git(dir, "cat-file", "--batch-all-objects", "--batch-check")
		}
		want := list(dir)
		h.CreateRepo(alice, hub.Model, "alice/go", false)
		start := time.Now()
		u.git(dir, "push", "-q", "--force", u.remote("alice/go"), "main", "v1")
		pushed := time.Since(start)
		mirror := filepath.Join(t.TempDir(), "mirror")
		start = time.Now()
		u.git("/", "clone", "-q", "--mirror", u.remote("alice/go"), mirror)
		cloned := time.Since(start)
		u.fsck(mirror)
		if got := list(mirror); got != want {
			t.Errorf("%d objects went in, %d came back, or others", strings.Count(want, "\n")+1, strings.Count(got, "\n")+1)
		}
		t.Logf("%d objects: pushed in %v, cloned in %v", strings.Count(want, "\n")+1, pushed, cloned)
	})
}
