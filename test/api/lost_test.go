package api

import (
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/release"
	"github.com/cairnhub/cairn/internal/testhub"
)

// lostAfter looks for files that no commit names as it would be done after a time from now on.
func lostAfter(h *testhub.Hub, d time.Duration) release.Released {
	h.T.Helper()
	h.App.Release().Now = func() time.Time { return time.Now().Add(d) }
	done, err := h.App.Release().Lost(h.T.Context(), false, nil)
	if err != nil {
		h.T.Fatal(err)
	}
	return done
}

// A large file that was sent and never committed goes after a week, and so does one whose history was collected. One that a
// branch, old history that may still come back, or somebody who asks for it keeps, stays.
func TestLostFilesAreGivenUp(t *testing.T) {
	const week = 7 * 24 * time.Hour
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		const id = "alice/m"
		text := func(n int) string { return babble(uint64(7000+n), 20_000+n) }
		first := addLarge(h, alice, id, "main", "w.bin", text(1))
		upload(h, alice, id, text(2)) // and never committed
		upload(h, alice, id, text(3)) // and committed later
		ok[dict](t, "branch", post(h, alice, "/api/models/"+id+"/branch/old", dict{"startingPoint": first}))
		addLarge(h, alice, id, "main", "w.bin", text(4))
		addLarge(h, alice, id, "main", "w.bin", text(5))
		ok[dict](t, "squash", post(h, alice, "/api/models/"+id+"/super-squash/main", dict{}))
		if done := lostAfter(h, 0); done.Files != 0 {
			t.Errorf("at once: %+v", done)
		}
		addLarge(h, alice, id, "main", "late.bin", text(3))
		done := lostAfter(h, week+time.Hour)
		if done.Files != 1 || done.Bytes != int64(len(text(2))) || holds(h, alice, id, text(2)) {
			t.Errorf("what was never committed: %+v", done)
		}
		for _, n := range []int{1, 3, 4, 5} { // the fourth may come back with its commit
			if !holds(h, alice, id, text(n)) {
				t.Errorf("file %d is gone", n)
			}
		}
		exact(h, "after the first look")
		if _, err := h.App.Content().Tidy(t.Context(), content.Keep{}); err != nil {
			t.Fatal(err)
		}
		if done := lostAfter(h, 2*week); done.Files != 0 {
			t.Errorf("collected a moment ago: %+v", done)
		}
		upload(h, alice, id, text(4)) // is told that it is here, so that a commit may follow
		if done := lostAfter(h, 3*week-time.Hour); done.Files != 0 || !holds(h, alice, id, text(4)) {
			t.Errorf("asked for meanwhile: %+v", done)
		}
		var hid string
		err := h.App.DB().Tx(t.Context(), func(tx *db.Tx) (err error) {
			r, err := h.App.Repo(t.Context(), id)
			if err == nil {
				hid, err = hold.Add(t.Context(), tx, hold.Hold{Kind: hold.Operator, RepoID: r.RowID})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if done := lostAfter(h, 5*week); done.Files != 0 {
			t.Errorf("of a repository that is held: %+v", done)
		}
		if err := h.App.RemoveHold(t.Context(), hid); err != nil {
			t.Fatal(err)
		}
		if done := lostAfter(h, 5*week); done.Files != 1 || holds(h, alice, id, text(4)) {
			t.Errorf("history that was collected: %+v", done)
		}
		for rev, want := range map[string]string{"old": text(1), "main": text(5)} {
			if read(h, alice, id, rev, "w.bin") != want {
				t.Errorf("%s is not what it was", rev)
			}
		}
		exact(h, "after all")
		var log []string
		if err := h.App.DB().Select(t.Context(), &log, "SELECT data FROM event WHERE kind = 'repo.large.lost' ORDER BY id"); err != nil || len(log) != 2 || !strings.Contains(log[1], shaOf(text(4))) {
			t.Errorf("events: %v %v", log, err)
		}
		if err := h.App.Loosen(t.Context()); err != nil {
			t.Fatal(err)
		}
		var xorbs int
		if err := h.App.DB().Get(t.Context(), &xorbs, "SELECT COUNT(*) FROM xet_repo_xorb"); err != nil || xorbs != 3 {
			t.Errorf("%d xorbs belong to the repository, %v", xorbs, err)
		}
		upload(h, alice, id, text(2)) // it may come again
		addLarge(h, alice, id, "main", "again.bin", text(2))
	})
}
