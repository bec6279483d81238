package backup_test

import (
	"context"
	"testing"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// A hub knows its newest copies that came to their end, and does not take one for another.
func TestHubKnowsItsNewestCopies(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHub(t, d, blobtest.FS(t))
		fill(t, h, 2)
		made := func() backup.Made {
			t.Helper()
			m, err := backup.LastMade(ctx, h.DB)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		if m := made(); m != (backup.Made{}) {
			t.Errorf("%+v of a hub that was never copied", m)
		}
		catalogue, err := backup.Export(ctx, h, 2)
		if err != nil {
			t.Fatal(err)
		}
		if m := made(); m.Catalogue.ID != catalogue.ID || m.Backup != (backup.Copy{}) {
			t.Errorf("%+v after a catalogue", m)
		}
		run(t, h, blobtest.FS(t))
		second, _ := run(t, h, blobtest.FS(t))
		m := made()
		if m.Backup.ID != second.ID || m.Backup.Taken.UnixMicro() != second.Created.UnixMicro() || m.Backup.Finished.Before(m.Backup.Taken) || m.Catalogue.ID != catalogue.ID {
			t.Errorf("%+v, want the backup %s", m, second.ID)
		}
		ended, end := context.WithCancel(ctx)
		end()
		if _, _, err := backup.Run(ended, h, target(blobtest.FS(t)), nil); err == nil {
			t.Fatal("a backup whose context has ended came to its end")
		}
		if again := made(); again != m {
			t.Errorf("%+v after a backup that failed", again)
		}
	})
}
