package backup_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

const deadPrune, deadBackup = "running/prune-20200101t000000000z-00000000", "running/backup-20200101t000000000z-00000000"

// clocked is a store whose clock a test sets: all of it, or for objects that are silent.
type clocked struct {
	blob.Store
	ahead  time.Duration
	silent map[string]bool
	onOpen func(key string)
}

func (c *clocked) told(o blob.Info) blob.Info {
	o.ModTime = o.ModTime.Add(c.ahead)
	if c.silent[o.Key] {
		o.ModTime = o.ModTime.Add(-time.Hour)
	}
	return o
}

func (c *clocked) Stat(ctx context.Context, key string) (blob.Info, error) {
	o, err := c.Store.Stat(ctx, key)
	return c.told(o), err
}

func (c *clocked) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	page, err := c.Store.List(ctx, prefix, after, limit)
	for i := range page {
		page[i] = c.told(page[i])
	}
	return page, err
}

func (c *clocked) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if c.onOpen != nil {
		c.onOpen(key)
	}
	return c.Store.Open(ctx, key, off, n)
}

func (c *clocked) lease(t *testing.T, key string) {
	t.Helper()
	if err := blob.PutBytes(ctx, c.Store, key, []byte(`{"started":"2020-01-01T00:00:00Z"}`)); err != nil {
		t.Fatal(err)
	}
}

// A prune that stood still until a backup took it for dead deletes nothing when it goes on: the backup relies on what is there.
func TestPausedPruneDeletesNothing(t *testing.T) {
	for name, pause := range map[string]func(*testing.T, *clocked){
		"taken for dead":        func(_ *testing.T, c *clocked) { c.ahead += 16 * time.Minute },
		"a backup began":        func(t *testing.T, c *clocked) { c.lease(t, deadBackup+"1") },
		"a dead backup went on": func(t *testing.T, c *clocked) { delete(c.silent, deadBackup) },
	} {
		t.Run(name, func(t *testing.T) {
			shelf := &clocked{Store: blobtest.FS(t), silent: map[string]bool{deadBackup: true}}
			h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
			fill(t, h, 3)
			first, _ := run(t, h, shelf)
			if _, err := h.DB.Exec(ctx, "DELETE FROM xet_xorb"); err != nil {
				t.Fatal(err)
			}
			run(t, h, shelf)
			shelf.lease(t, deadBackup)
			before := len(objectsOf(t, shelf, "catalogue/"))
			shelf.onOpen = func(key string) {
				if strings.HasSuffix(key, "manifest.json") { // what follows is as of now
					shelf.onOpen = nil
					pause(t, shelf)
				}
			}
			if p, err := backup.Prune(ctx, shelf, backup.Keep{Daily: 1}, false); err == nil || len(p.Dropped) != 1 || p.Dropped[0] != first.ID {
				t.Errorf("%+v %v", p, err)
			}
			if left := objectsOf(t, shelf, "objects/"); len(left) != 3 {
				t.Errorf("%d objects are left", len(left))
			}
			if left := objectsOf(t, shelf, "catalogue/"); len(left) != before {
				t.Errorf("%d pieces of catalogues are left of %d", len(left), before)
			}
		})
	}
}

// A backup that a prune may have run beside, because one of the two stood still, has no manifest.
func TestPausedBackupIsNotSealed(t *testing.T) {
	for name, pause := range map[string]func(*testing.T, *clocked){
		"it was taken for dead": func(_ *testing.T, c *clocked) { c.ahead += 16 * time.Minute },
		"a dead prune went on":  func(_ *testing.T, c *clocked) { delete(c.silent, deadPrune) },
		"a dead prune came to end": func(t *testing.T, c *clocked) {
			if err := c.Store.Delete(ctx, deadPrune); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			shelf := &clocked{Store: blobtest.FS(t), silent: map[string]bool{deadPrune: true}}
			h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
			fill(t, h, 2)
			shelf.lease(t, deadPrune)
			to := target(shelf)
			to.Flush = func(context.Context) error { pause(t, shelf); return nil }
			if _, _, err := backup.Run(ctx, h, to, nil); err == nil || !strings.Contains(err.Error(), "run it again") {
				t.Error("sealed:", err)
			}
			if found, err := backup.List(ctx, shelf); err != nil || len(found) != 1 || found[0].Manifest != nil {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
}

// parted is a store in which uploads in parts were left.
type parted struct {
	blob.Store
	ended []string
}

func (p *parted) AbortLeftovers(_ context.Context, before time.Time, prefixes ...string) (int, error) {
	if age := time.Since(before); age > 6*24*time.Hour {
		p.ended = append(p.ended, prefixes...)
	}
	return 0, nil
}

// Uploads that nobody completes do not stay in a store of backups.
func TestLeftoversOfBackupsAreEnded(t *testing.T) {
	shelf := &parted{Store: blobtest.FS(t)}
	h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, h, 1)
	run(t, h, shelf)
	if len(shelf.ended) != 2 {
		t.Error("a backup ended", shelf.ended)
	}
	if _, err := backup.Prune(ctx, shelf, backup.Keep{Daily: 1}, false); err != nil || len(shelf.ended) != 4 {
		t.Error("a prune ended", shelf.ended, err)
	}
}
