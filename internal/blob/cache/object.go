package cache

import (
	"container/list"
	"context"
	"hash/fnv"
	"os"
)

// object is what is known of one version of an object.
type object struct {
	id      id
	known   chan struct{} // closed when what follows is set
	err     error         // it could not be opened; nobody finds it any more
	size    int64
	version uint64

	// Under the store's lock.
	blocks map[int64]*block
	gone   bool // forgotten: its blocks are removed as they come
}

// block is a part of an object: on the disk, or being fetched.
type block struct {
	object *object
	number int64
	done   chan struct{} // closed when it is on the disk or err is set; nil: it is on the disk from before
	err    error
	kept   int64         // bytes of its file
	used   *list.Element // nil: not on the disk
}

// length is that of a block's data.
func (o *object) length(number int64) int64 { return min(blockSize, o.size-number*blockSize) }

// versionOf shortens a version; the size is part of it.
func versionOf(version string, size int64) uint64 {
	h := fnv.New64a()
	for i := range 8 {
		_, _ = h.Write([]byte{byte(size >> (8 * i))})
	}
	_, _ = h.Write([]byte(version))
	return h.Sum64()
}

// find returns an object whose size is known. The first that asks for one fetches the first blocks of its range, which
// tells the size, too; the others wait.
func (c *Store) find(ctx context.Context, key string, off, n int64) (*object, error) {
	c.mu.Lock()
	o := c.objects[idOf(key)]
	if o == nil {
		o = &object{id: idOf(key), known: make(chan struct{}), blocks: map[int64]*block{}}
		c.objects[o.id] = o
		first, count := off/blockSize, int64(runBlocks)
		if n > 0 && n < blockSize*runBlocks {
			count = min(count, (off+n-1)/blockSize-first+1)
		}
		c.misses.Add(1)
		c.start(ctx, key, o, first, count)
	}
	c.mu.Unlock()
	select {
	case <-o.known:
		return o, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start fetches blocks that are neither there nor under way. The caller holds the lock.
func (c *Store) start(ctx context.Context, key string, o *object, first, count int64) {
	run := make([]*block, count)
	for i := range run {
		run[i] = &block{object: o, number: first + int64(i), done: make(chan struct{})}
		o.blocks[run[i].number] = run[i]
	}
	go c.fetch(context.WithoutCancel(ctx), key, o, run) // it goes on when who asked first leaves: others wait
}

// want returns a block of an object, and has those fetched that follow it up to the block last. It returns nil when the
// object was forgotten: the caller finds it again.
func (c *Store) want(ctx context.Context, key string, o *object, number, last int64) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holds(o) {
		return nil
	}
	b := o.blocks[number]
	if b == nil {
		c.misses.Add(1)
	} else {
		c.hits.Add(1)
		if b.used != nil {
			c.used.MoveToFront(b.used)
		}
	}
	ahead := c.ahead()
	run := min(runBlocks, ahead)
	for at := number; at <= min(last, number+ahead-1); at++ {
		if o.blocks[at] != nil {
			continue
		}
		if at > number && at-number > ahead-run {
			break // soon, together with more
		}
		count := int64(1)
		for count < run && at+count <= last && o.blocks[at+count] == nil {
			count++
		}
		c.start(ctx, key, o, at, count)
	}
	return o.blocks[number]
}

// holds reports whether an object is the one that others find, too. One that was dropped because none of its blocks was
// left comes back. The caller holds the lock.
func (c *Store) holds(o *object) bool {
	if o.gone {
		return false
	}
	now := c.objects[o.id]
	if now == nil {
		c.objects[o.id] = o
	}
	return now == nil || now == o
}

// ahead is how many blocks each reader may have fetched, so that those of all of them have room in half of the cache.
func (c *Store) ahead() int64 {
	return max(1, min(aheadBlocks, c.o.Bytes/2/blockSize/max(1, c.readers.Load())))
}

// keep puts a block that is in a temporary file into its place, and makes room.
func (c *Store) keep(b *block, temporary string, size int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.object.gone {
		return os.Remove(temporary)
	}
	if err := c.place(temporary, c.path(b)); err != nil {
		return err
	}
	b.kept = size
	b.used = c.used.PushFront(b)
	c.bytes += size
	c.shrink(c.o.Bytes)
	return nil
}

// shrink removes what was not used longest. The caller holds the lock.
func (c *Store) shrink(limit int64) {
	for c.bytes > limit {
		oldest := c.used.Back()
		if oldest == nil || c.used.Len() == 1 { // somebody waits for the last one
			return
		}
		c.evicted.Add(1)
		c.remove(oldest.Value.(*block))
	}
}

// remove takes a block out. The caller holds the lock.
func (c *Store) remove(b *block) {
	if b.used != nil {
		c.used.Remove(b.used)
		b.used = nil
		c.bytes -= b.kept
		_ = os.Remove(c.path(b)) // who has it open reads on
	}
	o := b.object
	if o.blocks[b.number] == b {
		delete(o.blocks, b.number)
	}
	if len(o.blocks) == 0 && c.objects[o.id] == o && isClosed(o.known) {
		delete(c.objects, o.id)
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Forget drops what is kept of an object. Who reads it goes on with the object itself.
func (c *Store) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.objects[idOf(key)]; o != nil {
		c.drop(o)
	}
}

// drop is Forget with the lock held.
func (c *Store) drop(o *object) {
	o.gone = true
	if c.objects[o.id] == o {
		delete(c.objects, o.id)
	}
	for _, b := range o.blocks {
		c.remove(b)
	}
}
