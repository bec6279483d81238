package gitstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// packFiles are the large packs that this node keeps on its disk. Each is fetched once, checked against its SHA-1
// before it is read, and dropped when others need the room. The folder may be emptied at any time.
type packFiles struct {
	blobs blob.Store
	dir   func() (string, error)
	max   int64
	bases *git.Bases // of the deltas of all of them
	fetch singleflight.Group
	tidy  func() // what an earlier process left, once and before the first pack

	mu    sync.Mutex
	open  map[string]*packFile // by blob key
	order []*packFile          // oldest use first
	bytes int64
}

// packFile is an open pack. It is closed when the cache has dropped it and its last reader is done.
type packFile struct {
	*git.PackReader
	key   string
	path  string
	size  int64
	file  *os.File
	users int
	used  time.Time
	gone  bool
}

// What is kept in memory of the objects that deltas in open packs stand on.
const (
	keptBases   = 24 << 20
	largestBase = 1 << 20
)

func newPackFiles(blobs blob.Store, dir func() (string, error), max int64) *packFiles {
	return &packFiles{blobs: blobs, dir: dir, max: max, bases: git.NewBases(keptBases, largestBase), open: map[string]*packFile{}}
}

// acquire is the open file of a pack; the caller releases it.
func (c *packFiles) acquire(ctx context.Context, p *pack) (*packFile, error) {
	for {
		if f := c.use(p.packKey); f != nil {
			return f, nil
		}
		// The fetch goes on when the first of its callers leaves: the others wait for the same bytes.
		ch := c.fetch.DoChan(p.packKey, func() (any, error) {
			return nil, c.load(context.WithoutCancel(ctx), p)
		})
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case r := <-ch:
			if r.Err != nil {
				return nil, r.Err
			}
		}
	}
}

func (c *packFiles) use(key string) *packFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.open[key]
	if f == nil {
		return nil
	}
	f.users++
	f.used = time.Now()
	if n := len(c.order); c.order[n-1] != f {
		c.unorder(f)
		c.order = append(c.order, f)
	}
	return f
}

func (c *packFiles) release(f *packFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.users--; f.users == 0 && f.gone {
		_ = f.file.Close()
	}
}

// load opens the file that is there from before, or fetches it.
func (c *packFiles) load(ctx context.Context, p *pack) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	c.tidy()
	if f := c.use(p.packKey); f != nil { // loaded between the caller's look and this call
		c.release(f)
		return nil
	}
	path := cachePath(dir, p.packKey)
	f, err := openChecked(path, p)
	if err != nil {
		if err := c.download(ctx, dir, path, p); err != nil {
			return err
		}
		if f, err = openChecked(path, p); err != nil {
			_ = os.Remove(path)
			if !errors.Is(err, git.ErrMalformed) {
				err = &diskError{err}
			}
			return &errs.Error{Kind: errs.Internal, Op: "gitstore.load", Msg: "The stored git pack " + p.packKey + " is damaged", Err: err}
		}
	}
	c.insert(&packFile{PackReader: git.NewPackReader(f, p.cat).ShareBases(c.bases), key: p.packKey, path: path, size: p.size, file: f})
	return nil
}

// openChecked opens a pack file whose bytes are those of the catalog's pack.
func openChecked(path string, p *pack) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != p.cat.PackSize() {
		err = fmt.Errorf("%w: %d bytes instead of %d", git.ErrMalformed, info.Size(), p.cat.PackSize())
	}
	if err == nil {
		_, sum, e := git.VerifyPack(f, info.Size())
		if err = e; err == nil && sum != p.cat.PackHash() {
			err = fmt.Errorf("%w: another pack's checksum", git.ErrMalformed)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (c *packFiles) download(ctx context.Context, dir, path string, p *pack) error {
	r, err := c.blobs.Open(ctx, p.packKey, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	tmp, err := tempfile.Named(dir, fetchPattern)
	if err != nil {
		return &diskError{err}
	}
	defer tmp.Close()
	defer os.Remove(tmp.Name())
	if _, err := io.Copy(ownDisk{tmp}, io.LimitReader(r, p.cat.PackSize()+1)); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return &diskError{err}
	}
	return nil
}

// diskError is a failure of this node's own disk, which says nothing of what is stored.
type diskError struct{ err error }

func (e *diskError) Error() string { return "this node's disk: " + e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// ownDisk writes to this node's disk.
type ownDisk struct{ w io.Writer }

func (d ownDisk) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}

func (c *packFiles) insert(f *packFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.used = time.Now()
	_ = os.Chtimes(f.path, f.used, f.used) // a later process sees how old it is
	c.open[f.key] = f
	c.order = append(c.order, f)
	c.bytes += f.size
	for c.bytes > c.max && c.order[0] != f {
		c.evict(c.order[0])
	}
}

// drop removes a pack that is not needed any more from the node's disk; who reads it goes on.
func (c *packFiles) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.open[key]; f != nil {
		c.evict(f)
		return
	}
	if dir, err := c.dir(); err == nil {
		_ = os.Remove(cachePath(dir, key))
	}
}

// trim removes what nobody has used for a time, also files that an earlier process has left.
func (c *packFiles) trim(age time.Duration) {
	dir, err := c.dir()
	if err != nil {
		return
	}
	before := time.Now().Add(-age)
	c.mu.Lock()
	defer c.mu.Unlock()
	open := map[string]bool{}
	for _, f := range slices.Clone(c.order) {
		if f.users == 0 && f.used.Before(before) {
			c.evict(f)
		}
		open[f.path] = true
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"+packExt))
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && !open[path] && info.ModTime().Before(before) {
			_ = os.Remove(path)
		}
	}
}

// cachePath is where a node keeps a pack.
func cachePath(dir, key string) string {
	name := sha256.Sum256([]byte(key))
	return filepath.Join(dir, hex.EncodeToString(name[:16])+packExt)
}

func (c *packFiles) evict(f *packFile) {
	c.unorder(f)
	delete(c.open, f.key)
	c.bytes -= f.size
	_ = os.Remove(f.path)
	f.gone = true
	if f.users == 0 {
		_ = f.file.Close()
	}
}

func (c *packFiles) unorder(f *packFile) {
	for i, o := range c.order {
		if o == f {
			c.order = append(c.order[:i], c.order[i+1:]...)
			return
		}
	}
}

// fetchPattern names packs that are on their way.
const fetchPattern = "fetch-*"

// sweep removes the oldest files of an earlier process when they are more than may be kept, and its broken fetches.
func (c *packFiles) sweep(dir string) {
	var total int64
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // what cannot be read is not counted, and the others are
		}
		if fetched, _ := filepath.Match(fetchPattern, d.Name()); fetched {
			tempfile.RemoveDead(path) // at a restart the process before this one may still be at it
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		if total > c.max || filepath.Ext(path) != packExt {
			_ = os.Remove(path)
		}
		return nil
	})
}
