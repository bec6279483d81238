package gitclient

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// git lfs lock, locks and unlock as people use them, and what the lock prevents.
func TestLocks(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("studio", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		h.CreateRepo(alice, hub.Model, "studio/m", true)
		a, b := as(t, h, alice), as(t, h, bob)
		for _, u := range []*user{a, b} {
			u.git(u.home, "lfs", "install")
			u.git(u.home, "config", "--global", "lfs.locksverify", "true")
		}
		mine := a.clone("studio/m")
		a.git(mine, "lfs", "track", "--lockable", "*.psd")
		a.write(mine, "art/one.psd", randomText(21, 10_000))
		a.write(mine, "art/two.psd", randomText(22, 10_000))
		a.commit(mine, "art")
		a.git(mine, "push", "-q", "origin", "main")
		a.git(mine, "lfs", "lock", "art/one.psd")

		theirs := b.clone("studio/m")
		out := b.git(theirs, "lfs", "locks")
		if !strings.Contains(out, "art/one.psd") || !strings.Contains(out, "alice") {
			t.Errorf("git lfs locks:\n%s", out)
		}
		b.refused(theirs, []string{"lfs", "lock", "art/one.psd"}, "already created lock")
		b.git(theirs, "lfs", "lock", "art/two.psd")
		var listed struct{ Ours, Theirs []struct{ Path string } }
		if err := json.Unmarshal([]byte(b.git(theirs, "lfs", "locks", "--verify", "--json")), &listed); err != nil || len(listed.Ours) != 1 || len(listed.Theirs) != 1 {
			t.Errorf("git lfs locks --verify: %v %+v", err, listed)
		}

		// The holder pushes, the other does not: git-lfs sees it before anything is sent.
		b.git(theirs, "config", "lfs.setlockablereadonly", "false")
		b.write(theirs, "art/two.psd", randomText(23, 10_000))
		b.commit(theirs, "bob holds this one")
		b.git(theirs, "push", "-q", "origin", "main")
		b.git(theirs, "rm", "-q", "--cached", "art/one.psd")
		b.write(theirs, "art/one.psd", randomText(24, 10_000))
		b.commit(theirs, "and not that one")
		b.refused(theirs, []string{"push", "origin", "main"}, "art/one.psd")

		b.refused(theirs, []string{"lfs", "unlock", "art/one.psd"}, "force")
		a.git(mine, "lfs", "unlock", "art/one.psd")
		b.git(theirs, "push", "-q", "origin", "main")
		a.git(mine, "pull", "-q")
		a.git(mine, "lfs", "unlock", "--force", "art/two.psd")
		if out := a.git(mine, "lfs", "locks"); out != "" {
			t.Errorf("locks are left:\n%s", out)
		}
	})
}
