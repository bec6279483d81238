package backup_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// dumb is a store whose lists end the work at a prefix.
type dumb struct {
	blob.Store
	prefix string
}

func (d dumb) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	if prefix == d.prefix {
		return nil, errKilled
	}
	return d.Store.List(ctx, prefix, after, limit)
}

// A rebuild that is killed after the rows are there leaves no hub that would delete what was stored after the catalogue.
func TestKilledRebuildHoldsWhatIsStored(t *testing.T) {
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			store := blobtest.FS(t)
			h := newHub(t, dbtest.New(t, db.SQLite), store)
			fill(t, h, 3)
			if _, err := backup.Export(ctx, h, 2); err != nil {
				t.Fatal(err)
			}
			putXorb(t, xetstore.New(h.DB, store, xetstore.Options{}), "after the catalogue")
			again := newHub(t, empty(t, dialect), dumb{store, ""})
			if _, err := backup.Rebuild(ctx, again, ""); !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if held, err := hold.Live(ctx, again.DB); err != nil || !held {
				t.Fatal("nothing holds what the catalogue does not know:", err)
			}
			again.Blobs = store
			r, err := backup.Rebuild(ctx, again, "")
			if err != nil || r.Adopted != 1 || !r.Missing.Clean() {
				t.Fatalf("%+v %v", r, err)
			}
			holds, err := hold.List(ctx, again.DB)
			if err != nil || len(holds) != 1 || holds[0].ID != r.HoldID || holds[0].Kind != "rebuild" {
				t.Errorf("%+v %v", holds, err)
			}
			if _, err := backup.Rebuild(ctx, again, ""); err == nil || !strings.Contains(err.Error(), "not empty") {
				t.Error("rebuilt over a hub:", err)
			}
		})
	}
}

// While objects are moved beside a hub, it deletes none of them.
func TestMoveHoldsWhatItCopies(t *testing.T) {
	from := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, from, 2)
	xorbs := kinds[0]
	xorbs.Copy = func(ctx context.Context, src blob.Store, key string, w io.Writer) (int64, error) {
		if held, err := hold.Live(ctx, from.DB); err != nil || !held {
			t.Error("copied without a hold", err)
		}
		return kinds[0].Copy(ctx, src, key, w)
	}
	from.Kinds = []backup.Kind{xorbs}
	to := from
	to.Blobs = blobtest.FS(t)
	if found, stats, err := backup.MoveObjects(ctx, from, to, nil); err != nil || len(found) != 0 || stats.Copied != 2 {
		t.Fatal(found, stats, err)
	}
	if held, err := hold.Live(ctx, from.DB); err != nil || held {
		t.Error("the hold stays", err)
	}
}

// An object that lies in the target with the right length and wrong bytes is not taken for restored.
func TestRestoreReadsWhatIsThere(t *testing.T) {
	from, shelf := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t)), blobtest.FS(t)
	fill(t, from, 3)
	m, _ := run(t, from, shelf)
	broken := ""
	for key := range objectsOf(t, from.Blobs, "xorbs/") {
		broken = key
	}
	damage(t, from.Blobs, "xorbs/"+broken, func(b []byte) []byte { b[len(b)/3] ^= 1; return b })
	to := newHub(t, empty(t, db.SQLite), from.Blobs)
	stats, err := backup.Restore(ctx, to, shelf, m, nil)
	if err != nil || stats.Copied != 1 || stats.Checked != 2 {
		t.Fatalf("%+v %v", stats, err)
	}
	want := objectsOf(t, shelf, "objects/xorbs/")
	if have := objectsOf(t, to.Blobs, "xorbs/"); have[broken] == "" || have[broken] != want[broken] {
		t.Error("the damage is still there")
	}
}
