package cache

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/slot"
)

const (
	blockSize   = 1 << 20
	runBlocks   = 4           // that are fetched by one request
	aheadBlocks = 8           // of those that a reader asked for, which are there or under way
	fetches     = 64          // at once; each holds a buffer of fetchBuffer
	brokenFor   = time.Minute // that a disk which failed is left alone
)

// Source is a remote store that says with the bytes of a range which object they are of.
type Source interface {
	blob.Store

	// OpenPart reads from off, up to n bytes or the end of the object, whichever comes first. An object that ends at or
	// before off is io.ErrUnexpectedEOF.
	OpenPart(ctx context.Context, key string, off, n int64) (*blob.Part, error)
}

// Options tune a Store.
type Options struct {
	// Dir is the folder of the blocks: the cache's alone.
	Dir string
	// Bytes is how much it may hold, beside what readers are at.
	Bytes int64
	// Keep says which keys are cached; nil: all.
	Keep func(key string) bool
	// Log hears of blocks that rotted and of a disk that fails; nil: slog.Default().
	Log *slog.Logger
}

// Counters are sums since the start.
type Counters struct {
	Hits, Misses   int64 // blocks that a reader came to: there or under way, and not
	FetchedBytes   int64 // that the source sent
	Rotten         int64 // blocks whose bytes were not those that were fetched
	Evicted        int64 // blocks that made room for others
	Blocks, Bytes  int64 // kept now
	DiskFailures   int64
	FetchesWaiting int64 // now
}

// Store is a Source with a cache before it.
type Store struct {
	Source
	o      Options
	log    *slog.Logger
	turns  slot.Slots
	broken atomic.Int64 // until this long after begun, in nanoseconds, the disk is not used

	hits, misses, fetched, rotten, evicted, failures, waiting, readers atomic.Int64

	mu      sync.Mutex
	objects map[id]*object
	used    *list.List // of *block that are on the disk, the last used first
	bytes   int64
}

var (
	_ blob.Store     = (*Store)(nil)
	_ blob.Forgetter = (*Store)(nil)
	_ blob.Uncached  = (*Store)(nil)
	_ blob.Reacher   = (*Store)(nil)
	_ blob.Leftovers = (*Store)(nil)
	_ blob.Presigner = (*Store)(nil)
)

// New makes the folder. Blocks of an earlier process are taken over in the background.
func New(source Source, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Keep == nil {
		o.Keep = func(string) bool { return true }
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache of objects: %w", err)
	}
	c := &Store{Source: source, o: o, log: o.Log, turns: slot.Of(fetches), objects: map[id]*object{}, used: list.New()}
	go c.takeOver()
	return c, nil
}

// OpenUncached reads from the remote store, and leaves nothing here.
func (c *Store) OpenUncached(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	return blob.OpenUncached(ctx, c.Source, key, off, n)
}

// Reach asks the remote store.
func (c *Store) Reach(ctx context.Context) error { return blob.Reach(ctx, c.Source) }

// Presign passes on to the remote store.
func (c *Store) Presign(ctx context.Context, key string, off, n int64, from time.Time, ttl time.Duration) (string, error) {
	p, ok := c.Source.(blob.Presigner)
	if !ok {
		return "", errs.Unsupported("This store makes no URLs")
	}
	return p.Presign(ctx, key, off, n, from, ttl)
}

// AbortLeftovers passes on to the remote store.
func (c *Store) AbortLeftovers(ctx context.Context, before time.Time, prefixes ...string) (int, error) {
	l, ok := c.Source.(blob.Leftovers)
	if !ok {
		return 0, nil
	}
	return l.AbortLeftovers(ctx, before, prefixes...)
}

// Counters are what happened so far.
func (c *Store) Counters() Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counters{
		Hits: c.hits.Load(), Misses: c.misses.Load(), FetchedBytes: c.fetched.Load(), Rotten: c.rotten.Load(), Evicted: c.evicted.Load(),
		Blocks: int64(c.used.Len()), Bytes: c.bytes, DiskFailures: c.failures.Load(), FetchesWaiting: c.waiting.Load(),
	}
}

// Delete removes the object and what is kept of it. Other nodes keep their copies until those make room: nobody asks for
// an object that no row names.
func (c *Store) Delete(ctx context.Context, key string) error {
	defer c.Forget(key) // also of what was fetched meanwhile
	return c.Source.Delete(ctx, key)
}

// Create starts an object. One that it replaces is forgotten.
func (c *Store) Create(ctx context.Context) (blob.Upload, error) {
	up, err := c.Source.Create(ctx)
	if err != nil {
		return nil, err
	}
	return &upload{up, c}, nil
}

type upload struct {
	blob.Upload
	c *Store
}

func (u *upload) Commit(ctx context.Context, key string) error {
	defer u.c.Forget(key)
	return u.Upload.Commit(ctx, key)
}

// Open reads through the cache.
func (c *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := blob.ValidKey(key); err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, errors.New("negative offset")
	}
	if n == 0 || !c.o.Keep(key) || c.diskBroken() {
		return c.Source.Open(ctx, key, off, n)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := c.find(ctx, key, off, n)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errDisk) {
		return c.Source.Open(ctx, key, off, n) // which knows what to say of ranges that are not there
	}
	if err != nil {
		return nil, err
	}
	if off > o.size || n > o.size-off {
		c.Forget(key) // the object may have been replaced by a longer one
		return c.Source.Open(ctx, key, off, n)
	}
	if n < 0 {
		n = o.size - off
	}
	c.readers.Add(1)
	return &reader{c: c, ctx: ctx, key: key, o: o, at: off, end: off + n}, nil
}

// begun is what the time is counted from, by a clock that nobody sets back.
var begun = time.Now()

func (c *Store) diskBroken() bool { return int64(time.Since(begun)) < c.broken.Load() }

// diskFailed leaves the disk alone for a time.
func (c *Store) diskFailed(err error) error {
	c.failures.Add(1)
	if !c.diskBroken() {
		c.broken.Store(int64(time.Since(begun) + brokenFor))
		c.log.Error("the cache of objects cannot use its disk: reads go to the store itself for a while", "folder", c.o.Dir, "error", err)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) { // uploads need the room more
		c.mu.Lock()
		c.shrink(c.bytes / 2)
		c.mu.Unlock()
	}
	return fmt.Errorf("%w: %w", errDisk, err)
}

// errDisk: the node's own disk does not work. Nobody outside sees it.
var errDisk = errors.New("cache of objects")

// id names an object in the cache.
type id [16]byte

func idOf(key string) id {
	sum := sha256.Sum256([]byte(key))
	return id(sum[:16])
}
