//go:build torture

package torture

import (
	"testing"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// TestF10CollectorAgainstUploads sends 10,000 times what was let go of a moment ago, under a collector without grace.
func TestF10CollectorAgainstUploads(t *testing.T) {
	t.Run("sqlite-fs", func(t *testing.T) {
		r := &xetstoretest.Race{Uploaders: 16, Rounds: 625}
		r.Store(dbtest.New(t, db.SQLite), blobtest.FS(t))
		r.Run(t)
	})
	t.Run("postgres-s3", func(t *testing.T) {
		r := &xetstoretest.Race{Uploaders: 16, Rounds: 625}
		r.Store(dbtest.New(t, db.Postgres), blobtest.NewS3(t))
		r.Run(t)
	})
}
