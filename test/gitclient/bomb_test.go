package gitclient

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/testhub"
)

// TestBombedTreeIsReadInTime: ten folders in each of ten levels are 10^10 files in a dozen objects. Whatever reads a
// history refuses them, or answers a part, at once.
func TestBombedTreeIsReadInTime(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, "model", "alice/m", false)
	u := as(t, h, alice)
	dir := u.clone("alice/m")
	u.write(dir, "x", "x\n")
	oid, mode := u.git(dir, "hash-object", "-w", "x"), "100644 blob"
	for range 10 {
		var entries strings.Builder
		for i := range 10 {
			fmt.Fprintf(&entries, "%s %s\tf%d\n", mode, oid, i)
		}
		out, ok := u.try(dir, entries.String(), "git", "mktree")
		if !ok {
			t.Fatal(out)
		}
		oid, mode = strings.TrimSpace(out), "040000 tree"
	}
	commit := u.git(dir, "commit-tree", "-m", "bomb", "-p", "HEAD", oid)
	u.git(dir, "push", "-q", "origin", commit+":refs/heads/bomb")
	deep := strings.TrimSuffix(strings.Repeat("f3/", 10), "/")
	for path, want := range map[string]int{
		"/alice/m/archive/bomb.tar.gz":                     http.StatusRequestEntityTooLarge,
		"/alice/m/archive/bomb.zip?lfs=false":              http.StatusRequestEntityTooLarge,
		"/api/models/alice/m/compare/main..bomb":           http.StatusUnprocessableEntity,
		"/api/models/alice/m/compare/main..bomb?raw=true":  http.StatusUnprocessableEntity,
		"/api/models/alice/m/compare/bomb...main?raw=true": http.StatusOK, // from where they parted: nothing
		"/api/models/alice/m/commit/bomb":                  http.StatusOK,
		"/api/models/alice/m/commits/bomb/" + deep:         http.StatusOK,
		"/api/models/alice/m/blame/bomb/" + deep:           http.StatusOK,
		"/alice/m/commit/bomb":                             http.StatusOK,
	} {
		start := time.Now()
		a := h.Do(alice, http.MethodGet, path, nil)
		took := time.Since(start)
		if a.Status != want || took > 2*time.Minute || len(a.Body) > 10<<20 {
			t.Errorf("%s: %d after %v, %d bytes", path, a.Status, took, len(a.Body))
		}
		t.Logf("%s: %d after %v", path, a.Status, took)
	}
}
