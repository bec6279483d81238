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

// Where git-lfs does not ask, or another client sends the change, the hub itself holds a lock: on branches that exist, by every door.
func TestLockedFilesStayAsTheyAre(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("studio", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		const repo = "studio/m"
		h.CreateRepo(alice, hub.Model, repo, true)
		h.Commit(alice, hub.Model, repo, "main", map[string]string{"art/one.txt": "one", "art/two.txt": "two"})
		d := openDoors(t, h)
		lock := func(path string) string {
			t.Helper()
			var out struct{ Lock struct{ ID string } }
			h.JSON(alice, "POST", "/"+repo+".git/info/lfs/locks", dict{"path": path}, &out)
			return out.Lock.ID
		}
		held := lock("art/one.txt")

		u := as(t, h, bob) // its git-lfs does not ask
		dir := u.clone(repo)
		u.write(dir, "art/one.txt", "bob's")
		u.commit(dir, "change what alice holds")
		u.refused(dir, []string{"push", "origin", "main"}, "art/one.txt", "locked by alice")
		u.git(dir, "push", "-q", "origin", "main:refs/heads/beside")
		u.refused(dir, []string{"push", "origin", "HEAD:main", "HEAD:refs/heads/third"}, "locked by alice")
		u.git(dir, "rm", "-rq", "art")
		u.commit(dir, "remove its folder")
		u.refused(dir, []string{"push", "origin", "HEAD:main"}, "locked by alice")
		u.git(dir, "reset", "-q", "--hard", "origin/main")
		u.write(dir, "art/two.txt", "free")
		u.commit(dir, "change another")
		u.git(dir, "push", "-q", "origin", "main")

		for name, c := range map[string]struct {
			key   string
			value dict
		}{
			"write":           {"file", dict{"path": "art/one.txt", "content": "Ym9i", "encoding": "base64"}},
			"delete":          {"deletedFile", dict{"path": "art/one.txt"}},
			"delete folder":   {"deletedFolder", dict{"path": "art/"}},
			"move away":       {"file", dict{"path": "art/three.txt", "oldPath": "art/one.txt"}},
			"copy over":       {"copyFile", dict{"path": "art/one.txt", "srcPath": "art/two.txt"}},
			"file for folder": {"file", dict{"path": "art", "content": "Ym9i", "encoding": "base64"}},
		} {
			a := d.commit(bob, repo, c.key, c.value)
			if a.Status < 400 || a.Status >= 500 {
				t.Errorf("commit, %s: %d %s", name, a.Status, a.Body)
			}
		}
		for name, value := range map[string]dict{
			"another path":   {"path": "art/four.txt", "content": "Ym9i", "encoding": "base64"},
			"the same bytes": {"path": "art/one.txt", "content": "b25l", "encoding": "base64"},
		} {
			if a := d.commit(bob, repo, "file", value); a.Status != 200 {
				t.Errorf("commit of %s: %d %s", name, a.Status, a.Body)
			}
		}
		if a := h.Do(bob, "POST", "/api/models/"+repo+"/merge/main", dict{"from": "beside"}); a.Status != 403 {
			t.Errorf("merge: %d %s", a.Status, a.Body)
		}
		for name, body := range map[string]dict{"elsewhere": {"startingPoint": "beside", "overwrite": true}, "to nothing": {"emptyBranch": true, "overwrite": true}} {
			if a := h.Do(bob, "POST", "/api/models/"+repo+"/branch/main", body); a.Status != 403 {
				t.Errorf("a branch moved %s: %d %s", name, a.Status, a.Body)
			}
		}
		lock("copied/one.txt")
		if a := d.commit(bob, repo, "copyFile", dict{"path": "copied", "srcPath": "art"}); a.Status != 403 {
			t.Errorf("a locked path made by copying a folder: %d %s", a.Status, a.Body)
		}
		if got := resolve(t, h, alice, repo, "main", "art/one.txt"); got != "one" {
			t.Errorf("the locked file has become %q", got)
		}
		if a := d.commit(alice, repo, "file", dict{"path": "art/one.txt", "content": "YWxpY2U=", "encoding": "base64"}); a.Status != 200 {
			t.Errorf("the holder's commit: %d %s", a.Status, a.Body)
		}
		h.JSON(alice, "POST", "/"+repo+".git/info/lfs/locks/"+held+"/unlock", dict{}, nil)
		if a := d.commit(bob, repo, "file", dict{"path": "art/one.txt", "content": "Ym9i", "encoding": "base64"}); a.Status != 200 {
			t.Errorf("after the lock: %d %s", a.Status, a.Body)
		}
	})
}
