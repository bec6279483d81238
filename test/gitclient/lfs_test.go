package gitclient

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

func randomText(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// Large files go through git-lfs: uploaded by a push, downloaded by a clone, served by the API in between.
func TestLFS(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		dir := u.clone("alice/m")
		u.git(dir, "lfs", "install", "--local")
		u.git(dir, "lfs", "track", "*.weights")
		one, two := randomText(1, 12_345_678), randomText(2, 300_000)
		u.write(dir, "one.weights", one)
		u.write(dir, "sub/two.weights", two)
		u.write(dir, "small.txt", "small")
		u.commit(dir, "large files")
		t.Log(u.git(dir, "push", "origin", "main"))
		if got := resolve(t, h, alice, "alice/m", "main", "one.weights"); got != one {
			t.Errorf("the API serves other bytes, %d of them", len(got))
		}
		sum := sha256.Sum256([]byte(two))
		var tree []struct {
			Path string
			LFS  *struct{ OID string }
		}
		h.JSON(alice, http.MethodGet, "/api/models/alice/m/tree/main/sub", nil, &tree)
		if len(tree) != 1 || tree[0].LFS == nil || tree[0].LFS.OID != hex.EncodeToString(sum[:]) {
			t.Errorf("tree: %+v", tree)
		}

		bob := as(t, h, alice) // another machine
		bob.git(bob.home, "lfs", "install")
		clone := bob.clone("alice/m")
		if bob.read(clone, "one.weights") != one || bob.read(clone, "sub/two.weights") != two {
			t.Error("a clone has other bytes")
		}
		bob.git(clone, "lfs", "fsck")
		bob.write(clone, "one.weights", two+one)
		bob.commit(clone, "longer")
		bob.git(clone, "push", "-q", "origin", "main")
		u.git(dir, "pull", "-q")
		if u.read(dir, "one.weights") != two+one {
			t.Error("a pull brings other bytes")
		}

		// The bytes are proved for the repository that they were uploaded to, not for another.
		h.CreateRepo(alice, hub.Model, "alice/other", false)
		u.git(dir, "config", "lfs.allowincompletepush", "true")
		u.refused(dir, []string{"-c", "core.hooksPath=/dev/null", "push", "--force", u.remote("alice/other"), "main"}, "has not been uploaded")
		u.git(dir, "push", "-q", "--force", u.remote("alice/other"), "main")
		if got := resolve(t, h, alice, "alice/other", "main", "one.weights"); !strings.HasPrefix(got, two) {
			t.Error("after the push to another repository")
		}
	})
}
