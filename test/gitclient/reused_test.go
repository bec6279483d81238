package gitclient

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A push does not make a branch name a large file that was given up, though no pointer comes with it: the repository has
// the old one. Each ref is refused by itself; what else is pushed goes through, and so does the old commit as it is.
func TestPushedRevertOfAGivenUpFile(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		dir := u.clone("alice/m")
		u.git(dir, "lfs", "install", "--local")
		u.git(dir, "lfs", "track", "*.weights")
		var commits []string
		for n := range 5 {
			u.write(dir, "w.weights", randomText(uint64(n+1), 20_000+n))
			commits = append(commits, u.commit(dir, "version"))
		}
		u.git(dir, "push", "-q", "origin", "main")
		h.JSON(alice, "PUT", "/api/models/alice/m/settings", map[string]any{"lfs_keep_versions": 2}, nil)
		h.App.Release().Grace = 0
		_, err := h.App.Release().All(t.Context())
		if a := h.Do(alice, http.MethodGet, "/alice/m/resolve/"+commits[1]+"/w.weights", nil); err != nil || a.Status != http.StatusNotFound {
			t.Fatalf("nothing was given up: %v, %d", err, a.Status)
		}
		push := func(refs ...string) (string, bool) {
			args := append([]string{"-c", "core.hooksPath=/dev/null", "push", "-f", "origin"}, refs...)
			return u.try(dir, "", "git", args...)
		}
		u.git(dir, "checkout", "-q", "-b", "back", "main")
		u.git(dir, "checkout", "-q", commits[1], "--", "w.weights")
		u.commit(dir, "as it was")
		u.git(dir, "tag", "v9")
		u.git(dir, "checkout", "-q", "-b", "good", "main")
		u.write(dir, "more.txt", "more")
		u.commit(dir, "more")
		out, ok := push("back:main", "back", "v9", "good")
		for _, words := range []string{"[remote rejected] back -> main (The large file ", "[remote rejected] back -> back", "[remote rejected] v9 -> v9", "not in this repository any more", "good -> good"} {
			if ok || !strings.Contains(out, words) {
				t.Errorf("%q is not in what git says (%v):\n%s", words, ok, out)
			}
		}
		if out, ok := push("back:main"); ok { // its objects may be there from the push before
			t.Errorf("the second time it is taken:\n%s", out)
		}
		for ref, status := range map[string]int{"main": http.StatusOK, "good": http.StatusOK, "back": http.StatusNotFound} {
			if a := h.Do(alice, http.MethodGet, "/alice/m/resolve/"+ref+"/w.weights", nil); a.Status != status {
				t.Errorf("%s: %d %s", ref, a.Status, a.Body)
			}
		}
		if out, ok := push(commits[1]+":refs/heads/old", commits[1]+":refs/tags/v2"); !ok {
			t.Errorf("an old commit:\n%s", out)
		}
		u.git(dir, "checkout", "-q", "-b", "on", commits[1])
		u.write(dir, "note.txt", "on old ground")
		u.commit(dir, "beside what is gone")
		if out, ok := push("on", "on:old"); !ok {
			t.Errorf("on an old commit:\n%s", out)
		}
		u.git(dir, "mv", "w.weights", "moved.weights")
		u.commit(dir, "moved")
		if out, ok := push("on"); !ok {
			t.Errorf("moved:\n%s", out)
		}
	})
}
