package fsck_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/app"
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
		w.large(hub.Model, "alice/model", "dir/weights.bin", random(1, 300_000))
		a := w.Do(w.alice, http.MethodGet, "/alice/model/resolve/main/dir/weights.bin", nil)
		if a.Status != http.StatusOK || string(a.Body) != random(1, 300_000) || w.marked() != 0 {
			t.Errorf("sent again: %d, %d bytes, %d marked", a.Status, len(a.Body), w.marked())
		}
		h.Sound()
	})
}
