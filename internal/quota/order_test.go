package quota_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// A commit locks the repository first and its storage later. An upload, which has only storage to tell, must take them in
// the same order: else PostgreSQL finds a deadlock, a second later, whenever the two meet.
func TestACommitAndAnUploadToOneRepositoryDoNotDeadlock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := t.Context()
		w.must(w.tx(func(tx *db.Tx) error { w.quota.PlaceNew(ctx, tx, w.repo, w.owner, false); return nil }))
		var deadlocks atomic.Int64
		w.quota.Record = func(ctx context.Context, tx *db.Tx, id string, bytes int64) error {
			err := w.record(ctx, tx, id, bytes)
			if isDeadlock(err) {
				deadlocks.Add(1)
			}
			return err
		}
		commits, uploaded := 0, make(chan error, 1)
		w.must(w.tx(func(tx *db.Tx) error {
			if commits++; commits > 1 {
				return nil // it was given up for the upload: that is the failure
			}
			if _, err := tx.Exec(ctx, `UPDATE repo SET head = ? WHERE id = ?`, "0123", w.repo); err != nil {
				return err
			}
			go func() {
				uploaded <- w.tx(func(tx *db.Tx) error { w.quota.GrowLarge(ctx, tx, w.repo, 7); return nil })
			}()
			w.awaitBlocked()
			w.quota.GrowPacks(ctx, tx, w.repo, 5, false)
			return nil
		}))
		w.must(<-uploaded)
		if commits != 1 || deadlocks.Load() != 0 {
			t.Errorf("the commit ran %d times, the upload met %d deadlocks", commits, deadlocks.Load())
		}
		u, err := w.quota.OfRepo(ctx, w.repo)
		if err != nil || u.Large != 7 || u.Packs != 5 {
			t.Errorf("counted %+v, %v", u, err)
		}
	})
}

// awaitBlocked waits until another transaction of this database waits for a lock. SQLite has one writer at a time, and
// the others have not begun.
func (w *world) awaitBlocked() {
	w.Helper()
	if w.db.Dialect() == db.SQLite {
		return
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var n int
		w.must(w.db.Get(w.Context(), &n, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`))
		if n > 0 {
			return
		}
		if time.Now().After(end) {
			w.Fatal("nobody waits")
		}
	}
}
