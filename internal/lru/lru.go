// Package lru keeps values in memory up to a total weight; those that were not used for longest go first. It must not
// know what it keeps: who keeps rows uses db.Memo, which knows when they are stale.
package lru

import "sync"

// Cache keeps values by key. It is safe for concurrent use. The value used last always stays, however heavy.
//
// Between two Puts only the first Get of a value notes that it was used. So readers of what all ask for do not wait for each
// other: where one that holds a lock loses its processor, hundreds would queue, and each would then wait for its turn to run.
type Cache[K comparable, V any] struct {
	mu     sync.RWMutex
	puts   uint64
	limit  int64
	weight int64
	byKey  map[K]*item[K, V]
	ring   item[K, V] // ring.next is the newest, ring.prev the oldest
}

type item[K comparable, V any] struct {
	prev, next *item[K, V]
	key        K
	value      V
	weight     int64
	used       uint64 // puts when it was last put in front
}

// itemWeight is what an entry costs beside its value: the item, its place in the map, its key.
const itemWeight = 160

// New makes a cache of limit bytes.
func New[K comparable, V any](limit int64) *Cache[K, V] {
	c := &Cache[K, V]{limit: limit, byKey: map[K]*item[K, V]{}}
	c.ring.prev, c.ring.next = &c.ring, &c.ring
	return c
}

// Get returns what is kept for a key.
func (c *Cache[K, V]) Get(key K) (v V, ok bool) {
	c.mu.RLock()
	it := c.byKey[key]
	if it == nil {
		c.mu.RUnlock()
		return v, false
	}
	v, noted := it.value, it.used == c.puts
	c.mu.RUnlock()
	if !noted {
		c.note(it)
	}
	return v, true
}

// note puts an item in front, if it is still kept.
func (c *Cache[K, V]) note(it *item[K, V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[it.key] == it && it.used != c.puts {
		c.unlink(it)
		c.pushFront(it)
	}
}

// Put keeps a value of weight bytes, in place of what is kept for the key.
func (c *Cache[K, V]) Put(key K, v V, weight int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.byKey[key]
	if it == nil {
		it = &item[K, V]{key: key}
		c.byKey[key] = it
	} else {
		c.unlink(it)
		c.weight -= it.weight
	}
	it.value, it.weight = v, weight+itemWeight
	c.weight += it.weight
	c.puts++
	c.pushFront(it)
	for c.weight > c.limit && c.ring.prev != it {
		c.drop(c.ring.prev)
	}
}

// Remove forgets a key.
func (c *Cache[K, V]) Remove(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.byKey[key]; it != nil {
		c.drop(it)
	}
}

func (c *Cache[K, V]) drop(it *item[K, V]) {
	c.unlink(it)
	delete(c.byKey, it.key)
	c.weight -= it.weight
}

func (c *Cache[K, V]) unlink(it *item[K, V]) {
	it.prev.next, it.next.prev = it.next, it.prev
}

func (c *Cache[K, V]) pushFront(it *item[K, V]) {
	it.prev, it.next = &c.ring, c.ring.next
	it.prev.next, it.next.prev = it, it
	it.used = c.puts
}
