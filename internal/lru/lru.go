// Package lru keeps values in memory up to a total weight; those that were not used for longest go first. It must not
// know what it keeps: who keeps rows uses db.Memo, which knows when they are stale.
package lru

import "sync"

// Cache keeps values by key. It is safe for concurrent use. The value used last always stays, however heavy.
type Cache[K comparable, V any] struct {
	mu     sync.Mutex
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
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.byKey[key]
	if it == nil {
		return v, false
	}
	c.unlink(it)
	c.pushFront(it)
	return it.value, true
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
}
