package gitstore_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// counting counts the objects that are opened.
type counting struct {
	blob.Store
	opened atomic.Int64
}

func (c *counting) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	c.opened.Add(1)
	return c.Store.Open(ctx, key, off, n)
}

// TestDamagedCacheFile: bytes that changed on the node's disk are not used but fetched again.
func TestDamagedCacheFile(t *testing.T) {
	f := benchFixture(t)
	f.s = gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: 1, CacheDir: t.TempDir()})
	text := strings.Repeat("0123456789abcdef", 1000)
	f.commit(files{"a": text})
	dir := t.TempDir()
	for _, damage := range []func(path string, b []byte) error{
		func(string, []byte) error { return nil },
		func(path string, b []byte) error { b[len(b)/2] ^= 1; return os.WriteFile(path, b, 0o600) },
		func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)/2], 0o600) },
		func(path string, _ []byte) error { return os.Remove(path) },
	} {
		packs, _ := filepath.Glob(filepath.Join(dir, "packs/*.pack"))
		for _, path := range packs {
			b, err := os.ReadFile(path)
			f.ok(err)
			f.ok(damage(path, b))
		}
		f.s = gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: 1, CacheDir: dir})
		r := f.open()
		e, err := r.Entry(f.ctx, f.tree(f.tip(main)), "a")
		f.ok(err)
		if b, err := r.BlobBytes(f.ctx, e.OID, 1<<20); err != nil || string(b) != text {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
}

// TestBrokenFetchesGo: before it reads its first pack, a process has removed what one that was killed was fetching, and has
// left what another is still at.
func TestBrokenFetchesGo(t *testing.T) {
	f := benchFixture(t)
	f.commit(files{"a": "text"})
	dir := t.TempDir()
	f.ok(os.Mkdir(filepath.Join(dir, "packs"), 0o700))
	dead := filepath.Join(dir, "packs", "fetch-1")
	f.ok(os.WriteFile(dead, []byte("half"), 0o600))
	alive, err := tempfile.Named(filepath.Dir(dead), "fetch-*")
	f.ok(err)
	defer alive.Close()
	f.s = gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: 1, CacheDir: dir})
	f.commit(files{"b": "text"})
	e, err := f.open().Entry(f.ctx, f.tree(f.tip(main)), "a")
	f.ok(err)
	_, err = f.open().BlobBytes(f.ctx, e.OID, 1<<20)
	f.ok(err)
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a broken fetch is left:", err)
	}
	if _, err := os.Stat(alive.Name()); err != nil {
		t.Error("a fetch of another process:", err)
	}
}

// TestSmallDisk: a cache that has room for one pack serves many.
func TestSmallDisk(t *testing.T) {
	f := benchFixture(t)
	dir := t.TempDir()
	f.s = gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: 1, CacheDir: dir, CacheBytes: 1, ObjectCacheBytes: 1})
	for i := range 5 {
		f.commit(files{string(rune('a' + i)): strings.Repeat("x", 1000*i)})
	}
	r := f.open()
	for range 2 {
		page, _, err := r.Walk(f.ctx, f.tree(f.tip(main)), gitstore.WalkOptions{})
		f.ok(err)
		for _, e := range page {
			_, err := r.BlobBytes(f.ctx, e.OID, 1<<20)
			f.ok(err)
		}
	}
	if packs, _ := filepath.Glob(filepath.Join(dir, "packs/*.pack")); len(packs) != 1 {
		t.Errorf("%d packs on disk", len(packs))
	}
}
