package gitclient

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// What the API commits, git clones: whole, by either protocol, shallow, without blobs, and what is added later.
func TestFetch(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"README.md": "# one\n", "a/b/c.txt": "deep"})
		tip := h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"README.md": "# two\n"})
		h.JSON(alice, http.MethodPost, "/api/models/alice/m/tag/main", map[string]any{"tag": "v1", "message": "first"}, nil)
		h.JSON(alice, http.MethodPost, "/api/models/alice/m/branch/feature%2Fx", map[string]any{}, nil)

		for _, version := range []string{"0", "1", "2"} {
			dir := u.clone("alice/m", "-c", "protocol.version="+version)
			if got := u.git(dir, "rev-parse", "HEAD"); got != tip {
				t.Errorf("version %s: HEAD is %s, not %s", version, got, tip)
			}
			if got := u.read(dir, "a/b/c.txt") + u.read(dir, "README.md"); got != "deep# two\n" {
				t.Errorf("version %s: files %q", version, got)
			}
			if got := u.git(dir, "rev-parse", "v1^{commit}", "origin/feature/x"); got != tip+"\n"+tip {
				t.Errorf("version %s: tag and branch %q", version, got)
			}
			list := u.git(dir, "-c", "protocol.version="+version, "ls-remote", "--symref", "origin")
			for _, want := range []string{"ref: refs/heads/main\tHEAD", tip + "\trefs/heads/feature/x", tip + "\trefs/tags/v1^{}"} {
				if !strings.Contains(list, want) {
					t.Errorf("version %s: ls-remote lacks %q:\n%s", version, want, list)
				}
			}
		}

		shallow := u.clone("alice/m", "--depth=1")
		if n := u.git(shallow, "rev-list", "--count", "HEAD"); n != "1" {
			t.Errorf("a shallow clone has %s commits", n)
		}
		u.git(shallow, "fetch", "-q", "--unshallow")
		u.fsck(shallow)

		partial := u.clone("alice/m", "--filter=blob:none", "--no-checkout")
		if out := u.git(partial, "rev-list", "--objects", "--all", "--missing=print"); !strings.Contains(out, "?") {
			t.Error("a partial clone lacks nothing")
		}
		u.git(partial, "checkout", "-q", "main")
		if got := u.read(partial, "a/b/c.txt"); got != "deep" {
			t.Errorf("partial clone: %q", got)
		}
		u.git(partial, "checkout", "-q", "main~1")

		newer := h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"new.txt": "new"})
		u.git(shallow, "pull", "-q")
		if got := u.git(shallow, "rev-parse", "HEAD"); got != newer {
			t.Errorf("after a pull: %s", got)
		}
		u.fsck(shallow)
	})
}

// A repository without a commit can be cloned.
func TestFetchNothing(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Dataset, "alice/d", false)
		dir := as(t, h, testhub.Caller{}).clone("datasets/alice/d.git")
		t.Log(as(t, h, alice).git(dir, "log", "--oneline"))
	})
}
