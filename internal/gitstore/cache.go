package gitstore

import "sync"

// lru is a cache bounded by weight. The entry used last always stays, however heavy.
type lru[K comparable, V any] struct {
	mu     sync.Mutex
	max    int64
	weight int64
	byKey  map[K]*item[K, V]
	head   item[K, V] // ring: head.next is the newest, head.prev the oldest
}

type item[K comparable, V any] struct {
	prev, next *item[K, V]
	key        K
	value      V
	weight     int64
}

// itemWeight is what an entry costs beside its value: the item, its place in the map, its key.
const itemWeight = 160

func newLRU[K comparable, V any](max int64) *lru[K, V] {
	c := &lru[K, V]{max: max, byKey: map[K]*item[K, V]{}}
	c.head.prev, c.head.next = &c.head, &c.head
	return c
}

func (c *lru[K, V]) get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.byKey[k]
	if it == nil {
		return v, false
	}
	c.unlink(it)
	c.pushFront(it)
	return it.value, true
}

// put stores a value, or another value or weight for a key that is there.
func (c *lru[K, V]) put(k K, v V, weight int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.byKey[k]
	if it == nil {
		it = &item[K, V]{key: k}
		c.byKey[k] = it
	} else {
		c.unlink(it)
		c.weight -= it.weight
	}
	it.value, it.weight = v, weight+itemWeight
	c.weight += it.weight
	c.pushFront(it)
	for c.weight > c.max && c.head.prev != it {
		c.drop(c.head.prev)
	}
}

func (c *lru[K, V]) remove(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.byKey[k]; it != nil {
		c.drop(it)
	}
}

func (c *lru[K, V]) drop(it *item[K, V]) {
	c.unlink(it)
	delete(c.byKey, it.key)
	c.weight -= it.weight
}

func (c *lru[K, V]) unlink(it *item[K, V]) {
	it.prev.next, it.next.prev = it.next, it.prev
}

func (c *lru[K, V]) pushFront(it *item[K, V]) {
	it.prev, it.next = &c.head, c.head.next
	it.prev.next, it.next.prev = it, it
}
