package xetstore

import (
	"container/list"
	"context"
	"sync"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
)

// weightedCache keeps immutable values up to a total weight; those not used for longest go first.
type weightedCache[K comparable, V any] struct {
	weigh func(V) int64
	max   int64

	mu    sync.Mutex
	total int64
	order list.List // of *cacheEntry, most recent first
	kept  map[K]*list.Element
}

type cacheEntry[K comparable, V any] struct {
	key   K
	value V
}

func newWeightedCache[K comparable, V any](limit int64, weigh func(V) int64) *weightedCache[K, V] {
	return &weightedCache[K, V]{weigh: weigh, max: limit, kept: map[K]*list.Element{}}
}

func (c *weightedCache[K, V]) get(key K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.kept[key]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheEntry[K, V]).value, true
}

// add keeps a value, unless it alone would push out most of the others.
func (c *weightedCache[K, V]) add(key K, v V) {
	w := c.weigh(v)
	if w > c.max/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(key)
	c.kept[key] = c.order.PushFront(&cacheEntry[K, V]{key, v})
	c.total += w
	for c.total > c.max {
		c.remove(c.order.Back().Value.(*cacheEntry[K, V]).key)
	}
}

func (c *weightedCache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(key)
}

func (c *weightedCache[K, V]) remove(key K) {
	if e, ok := c.kept[key]; ok {
		c.total -= c.weigh(c.order.Remove(e).(*cacheEntry[K, V]).value)
		delete(c.kept, key)
	}
}

const maxFiles = 16_384

// fileCache keeps which file of a repository has a SHA-256, for as long as nothing in the database changes.
type fileCache struct {
	db *db.DB

	mu      sync.Mutex
	changes uint64
	kept    map[fileKey]foundFile
}

type fileKey struct {
	repoID string
	sha    hub.SHA256
}

type foundFile struct {
	file File
	ok   bool
}

func newFileCache(d *db.DB) *fileCache {
	return &fileCache{db: d, kept: map[fileKey]foundFile{}}
}

func (c *fileCache) get(ctx context.Context, k fileKey, load func(context.Context, fileKey) (File, bool, error)) (File, bool, error) {
	now := c.db.Changes() // before the read: what changes meanwhile makes the answer stale
	c.mu.Lock()
	if c.changes != now || len(c.kept) >= maxFiles {
		clear(c.kept)
		c.changes = now
	}
	f, hit := c.kept[k]
	c.mu.Unlock()
	if hit {
		return f.file, f.ok, nil
	}
	file, ok, err := load(ctx, k)
	if err != nil {
		return File{}, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == now {
		c.kept[k] = foundFile{file, ok}
	}
	return file, ok, nil
}
