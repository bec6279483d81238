package xetstoretest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Env is a store and what it stands on.
type Env struct {
	*xetstore.Store
	DB    *db.DB
	Blobs blob.Store
}

// Each runs a test on SQLite with a folder and on PostgreSQL with S3.
func Each(t *testing.T, test func(t *testing.T, e *Env)) {
	t.Helper()
	t.Run("sqlite-fs", func(t *testing.T) { test(t, New(t, dbtest.New(t, db.SQLite), blobtest.FS(t))) })
	t.Run("postgres-s3", func(t *testing.T) { test(t, New(t, dbtest.New(t, db.Postgres), blobtest.NewCached(t))) })
}

// New makes a store that logs nothing.
func New(t testing.TB, d *db.DB, blobs blob.Store) *Env {
	t.Helper()
	return &Env{xetstore.New(d, blobs, xetstore.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}), d, blobs}
}

// Repo inserts a repository's row.
func (e *Env) Repo(t testing.TB, id, owner, visibility string) {
	t.Helper()
	_, err := e.DB.Exec(context.Background(), `INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at)
		VALUES (?, 'model', ?, ?, ?, ?, ?, ?, 0, 0)`, id, owner, owner, id, owner+"/"+id, owner, visibility)
	if err != nil {
		t.Fatal(err)
	}
}

const fragCount = "SELECT COUNT(*) FROM "

// Count is the number of rows of a table.
func (e *Env) Count(t testing.TB, table string) (n int) {
	t.Helper()
	if err := e.DB.Get(context.Background(), &n, fragCount+table); err != nil {
		t.Fatal(err)
	}
	return n
}

// XorbKey is where a xorb's blob is.
func XorbKey(h xet.Hash) string {
	s := h.String()
	return "xorbs/" + s[:2] + "/" + s[2:4] + "/" + s
}

// Rot flips one bit of a stored xorb: at bytes from its begin, or from its end if at is negative.
func (e *Env) Rot(t testing.TB, h xet.Hash, at int) {
	t.Helper()
	b, err := blob.GetBytes(context.Background(), e.Blobs, XorbKey(h), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 4
	if err := blob.PutBytes(context.Background(), e.Blobs, XorbKey(h), b); err != nil {
		t.Fatal(err)
	}
}

// Damaged reports whether a xorb is marked as damaged.
func (e *Env) Damaged(t testing.TB, h xet.Hash) bool {
	t.Helper()
	var n int
	if err := e.DB.Get(context.Background(), &n, "SELECT COUNT(*) FROM xet_xorb WHERE hash = ? AND damaged_at IS NOT NULL", h[:]); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// Later is the same store in some time.
func Later(t testing.TB, e *Env, ahead time.Duration) *Env {
	t.Helper()
	return &Env{xetstore.New(e.DB, e.Blobs, xetstore.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now: func() time.Time { return time.Now().Add(ahead) }}), e.DB, e.Blobs}
}

// Stall has an upload of n bytes hold a place: it has sent all but the last byte. end sends that and returns what became of it.
func Stall(t testing.TB, e *Env, sc xetstore.Scope, n int) (end func() error) {
	t.Helper()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := e.Ingest(context.Background(), sc, r, xetstore.Expect{Size: int64(n)})
		_ = r.CloseWithError(err)
		done <- err
	}()
	data := Random(uint64(n), n)
	if _, err := w.Write(data[:n-1]); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceValue(func() error {
		_, err := w.Write(data[n-1:])
		return errors.Join(err, w.Close(), <-done)
	})
	t.Cleanup(func() { _ = end() })
	return end
}
