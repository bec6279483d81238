package crash

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
)

// A check that cannot see a missing event proves nothing.
func TestCheckAuditSeesWhatIsMissing(t *testing.T) {
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	l := NewLedger()
	h.MustStart(t)
	c := NewClient(h)
	Setup(t, c, l)
	w := &writer{t: t, c: c, l: l}
	for _, name := range []string{"a", "b", "c"} {
		if a := w.commit(reposSmall[0], "main", []Change{{Path: name, Data: []byte(name)}}); !a.OK() {
			t.Fatal(a)
		}
	}
	if wrong := h.CheckAudit(); len(wrong) > 0 {
		t.Fatalf("before any damage: %v", wrong)
	}
	for _, damage := range []struct{ statement, say string }{
		{`DELETE FROM event WHERE id = (SELECT MAX(id) - 1 FROM event WHERE kind = 'repo.commit')`, "a change before it has no event"},
		{`DELETE FROM event WHERE id = (SELECT MAX(id) FROM event WHERE kind = 'repo.commit')`, "its last event says"},
		{`DELETE FROM event WHERE id = (SELECT MAX(id) FROM event WHERE kind = 'repo.create')`, "no event for its creation"},
	} {
		d, err := h.openDB(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = d.Tx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), damage.statement); return err })
		if err == nil {
			err = d.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if wrong := strings.Join(h.CheckAudit(), "\n"); !strings.Contains(wrong, damage.say) {
			t.Errorf("after %s: %q", damage.statement, wrong)
		}
	}
}
