package fsck_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

func exits(err error, code int) bool {
	var exit app.ExitError
	return errors.As(err, &exit) && exit.Code == code
}

// marked counts the xorbs that the hub asks for.
func (w *world) marked() (n int) {
	w.get(&n, "SELECT COUNT(*) FROM xet_xorb WHERE damaged_at IS NOT NULL")
	return n
}

// A damaged xorb that no file is made of is marked by a repair: otherwise the next who sends its bytes would be told that
// they are there, and lose them.
func TestRepairMarksWhatNoFileNeeds(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		xorb := w.xorbOf(w.repo)
		w.exec("DELETE FROM xet_repo_file WHERE repo_id = ?", w.repo)
		w.exec("DELETE FROM xet_repo_xorb WHERE repo_id = ?", w.repo)
		w.spoil(xorb, flip(1000))
		if out, err := h.Repair(app.RepairOptions{Data: true, Dry: true}); !exits(err, app.ExitDamage) || w.marked() != 0 {
			t.Errorf("dry: %v, %d marked\n%s", err, w.marked(), out)
		}
		if out, err := h.Repair(app.RepairOptions{Data: true}); err == nil || !strings.Contains(out, "(moved)") || w.marked() != 1 {
			t.Errorf("%v, %d marked\n%s", err, w.marked(), out)
		}
		if out, err := h.Repair(app.RepairOptions{Data: true}); strings.Contains(out, "(moved)") || !strings.Contains(out, "unneeded") {
			t.Errorf("again: %v\n%s", err, out)
		}
		w.CommitLarge(w.alice, hub.Model, "alice/model", "dir/weights.bin", random(1, 300_000))
		a := w.Do(w.alice, http.MethodGet, "/alice/model/resolve/main/dir/weights.bin", nil)
		if a.Status != http.StatusOK || string(a.Body) != random(1, 300_000) || w.marked() != 0 {
			t.Errorf("sent again: %d, %d bytes, %d marked", a.Status, len(a.Body), w.marked())
		}
		h.Sound()
	})
}

// Damage that a reader has met is told by every run, doctor and metrics, until the bytes are sound again.
func TestKnownDamageIsTold(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		undo := w.spoil(w.xorbOf(w.repo), flip(1000))
		w.exec("UPDATE xet_xorb SET damaged_at = 1 WHERE raw_size = 300000") // as a reader marks it
		if w.marked() != 1 {
			t.Fatal(w.marked())
		}
		if r := h.Fsck(fsck.Options{}); !(expectation{"xorb.corrupt", weights}).in(r) {
			t.Errorf("without reading data:\n%s", text(r))
		}
		s, err := fsck.StatusOf(t.Context(), h.App.DB())
		if err != nil || s.Marked != 1 || s.Damaged() != 0 || !strings.Contains(s.Findings(), "1 xorbs") {
			t.Errorf("%+v %v", s, err)
		}
		undo()
		r, err := w.App.Checker(fsck.Options{Note: true}).Run(t.Context())
		if err != nil || !r.Clean() || w.marked() != 0 {
			t.Errorf("sound again: %v, %d marked\n%s", err, w.marked(), text(r))
		}
	})
}

// A run that breaks off has marked and written down what it met, and says so.
func TestRunThatBreaksOffTellsWhatItFound(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		w.spoil(w.xorbOf(w.repo), flip(1000))
		ctx, stop := context.WithCancel(t.Context())
		c := w.App.Checker(fsck.Options{Data: true, Note: true, Workers: 1, Now: func() time.Time { stop(); return time.Now() }})
		r, err := c.Run(ctx) // it is broken off when the first finding is written down
		if err == nil || r == nil || r.Damage != 1 || w.marked() != 1 {
			t.Fatalf("%v, %d marked", err, w.marked())
		}
		if err := c.Keep(t.Context(), r, false); err != nil {
			t.Fatal(err)
		}
		open, err := fsck.Open(t.Context(), h.App.DB(), 10)
		if err != nil || len(open) != 1 || open[0].Kind != "xorb.corrupt" {
			t.Errorf("%v %v", open, err)
		}
	})
}
