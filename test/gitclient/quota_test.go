package gitclient

import (
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A push for which there is no room is refused ref by ref, in words; git-lfs says it before it sends anything. Neither
// leaves anything that counts.
func TestPushOverAQuotaSaysSo(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		dir := u.clone("alice/m")
		u.git(dir, "lfs", "install", "--local")
		o, err := h.App.Accounts().Namespace(t.Context(), nil, "alice")
		if err != nil {
			t.Fatal(err)
		}
		most := int64(50_000)
		if err := h.App.Quota().SetOwner(t.Context(), hub.Actor{}, o, quota.Change{SetPrivate: true, Private: &most}); err != nil {
			t.Fatal(err)
		}
		u.write(dir, "small.txt", randomText(1, 9000)) // git packs random text to three quarters
		u.commit(dir, "fits")
		u.git(dir, "push", "-q", "origin", "main")
		before, err := h.App.Quota().Of(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}

		u.write(dir, "big.txt", randomText(2, 200_000))
		u.commit(dir, "does not fit")
		u.git(dir, "branch", "second")
		t.Logf("git push:\n%s", u.refused(dir, []string{"push", "origin", "main", "second"},
			"! [remote rejected] main -> main (The storage quota of alice for private repositories is 50 KB", "! [remote rejected] second -> second"))
		u.git(dir, "reset", "-q", "--hard", "HEAD~1")
		u.git(dir, "branch", "-q", "-D", "second")
		u.git(dir, "lfs", "track", "*.weights")
		u.write(dir, "model.weights", randomText(3, 200_000))
		u.commit(dir, "a large file does not fit")
		t.Logf("git-lfs:\n%s", u.refused(dir, []string{"push", "origin", "main"}, "The storage quota of alice for private repositories is 50 KB", "200 KB more"))

		after, err := h.App.Quota().Of(t.Context(), o)
		if err != nil || after.Private.Used != before.Private.Used {
			t.Errorf("%d bytes are used, %d before what was refused (%v)", after.Private.Used, before.Private.Used, err)
		}
		if d, err := h.App.Quota().Recount(t.Context()); err != nil || d.Found() {
			t.Errorf("a recount finds %+v, %v", d, err)
		}
	})
}
