package backup_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// The kernel tells of a failed write once. What a backup whose flush failed has left is read before it is relied on, and not
// vouched for because a second flush had nothing to tell.
func TestFailedFlushIsNotForgotten(t *testing.T) {
	h, shelf := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t)), blobtest.FS(t)
	fill(t, h, 6)
	lost, flushes := errors.New("input/output error"), 0
	to := target(shelf)
	to.Flush = func(context.Context) error {
		if flushes++; flushes == 1 {
			return lost
		}
		return nil
	}
	if _, _, err := backup.Run(ctx, h, to, nil); !errors.Is(err, lost) || flushes != 1 {
		t.Fatal(flushes, err)
	}
	for key := range objectsOf(t, shelf, "objects/") { // the disk never got it
		damage(t, shelf, "objects/"+key, func(b []byte) []byte { clear(b); return b })
		break
	}
	m, stats, err := backup.Run(ctx, h, to, nil)
	if err != nil || stats.Checked != 5 || stats.Copied != 1 {
		t.Fatalf("%+v %v", stats, err)
	}
	if report, err := backup.Verify(ctx, shelf, m, kinds, true); err != nil || !report.Clean() {
		t.Errorf("%+v %v", report, err)
	}
}
