package gitclient

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// S28: a large file that was deleted from the history is in no new clone, and does not come back by an old one. What
// the hub makes of the history is what git filter-branch makes of it, commit by commit.
func TestDeletedLargeFileStaysDeleted(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		dir := u.clone("alice/m")
		u.git(dir, "lfs", "install", "--local")
		u.git(dir, "lfs", "track", "*.weights")
		secret := randomText(1, 300_000)
		u.write(dir, "kept.weights", randomText(2, 200_000))
		u.commit(dir, "kept")
		u.write(dir, "sub/deep/secret.weights", secret)
		u.write(dir, "a.txt", "a")
		u.commit(dir, "a mistake")
		u.git(dir, "tag", "-a", "v1", "-m", "annotated")
		u.git(dir, "checkout", "-q", "-b", "side", "HEAD~1")
		u.write(dir, "b.txt", "b")
		u.commit(dir, "beside it")
		u.git(dir, "checkout", "-q", "main")
		u.git(dir, "merge", "-q", "-m", "merge", "side")
		u.git(dir, "mv", "sub/deep/secret.weights", "moved.weights")
		last := u.commit(dir, "moved")
		u.git(dir, "push", "-q", "origin", "main", "side", "v1")
		sha := fmt.Sprintf("%x", sha256.Sum256([]byte(secret)))

		a := h.Do(alice, http.MethodDelete, "/api/models/alice/m/lfs-files/"+sha, nil)
		if a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		fresh := as(t, h, alice)
		fresh.git(fresh.home, "lfs", "install")
		clone := fresh.clone("alice/m")
		if out := fresh.git(clone, "log", "--all", "--format=%H", "--", "moved.weights", "sub"); out != "" {
			t.Errorf("commits of the new history still mention it: %s", out)
		}
		fresh.git(clone, "lfs", "fsck")

		// git's own rewriting of the old clone gives the same commits. (The hub has nothing to sign away here.)
		mirror := t.TempDir()
		u.git("/", "clone", "-q", "--mirror", dir, mirror)
		u.git(mirror, "filter-branch", "-f", "--tag-name-filter", "cat", "--index-filter",
			"git rm -q --cached --ignore-unmatch moved.weights sub/deep/secret.weights", "--", "main", "side", "v1")
		for _, ref := range []string{"main", "side", "v1"} {
			want, got := u.git(mirror, "rev-parse", ref+"^{commit}"), fresh.git(clone, "rev-parse", strings.Replace(ref, "side", "origin/side", 1)+"^{commit}")
			if got != want {
				t.Errorf("%s is %s, git filter-branch makes %s", ref, got, want)
			}
		}

		fresh.refused(clone, []string{"fetch", "origin", last}, "not our ref")
		if a := h.Do(alice, http.MethodGet, "/alice/m/resolve/"+last+"/moved.weights", nil); a.Status != http.StatusNotFound {
			t.Errorf("the old commit is read: %d", a.Status)
		}
		// Whoever still has the old history and pushes it by force brings back pointers at most, never the bytes; and the
		// rules hold for what is new.
		u.git(dir, "config", "lfs.allowincompletepush", "true")
		out, ok := u.try(dir, "", "git", "-c", "core.hooksPath=/dev/null", "push", "--force", "origin", "main:old")
		a = h.Do(alice, http.MethodGet, "/alice/m/resolve/old/moved.weights", nil)
		if a.Status != http.StatusNotFound || ok && !strings.Contains(a.Header.Get("X-Error-Message"), "deleted") {
			t.Errorf("pushed back (%v): %d %s\n%s", ok, a.Status, a.Header.Get("X-Error-Message"), out)
		}
	})
}
