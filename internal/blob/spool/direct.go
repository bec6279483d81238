package spool

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

const (
	blockSize  = 4 << 20
	perUpload  = 3 // one being filled, one being written, one ready
	alignment  = 4096
	maxWriters = 6
)

// Blocks bounds the memory of direct uploads: those past the limit write through the page cache.
type Blocks struct {
	slots chan struct{}
	pool  sync.Pool
}

// NewBlocks allows 6 direct uploads at once, of 12 MiB each.
func NewBlocks() *Blocks {
	b := &Blocks{slots: make(chan struct{}, maxWriters)}
	b.pool.New = func() any { return aligned() }
	return b
}

// aligned allocates a block at an address that direct I/O accepts.
func aligned() *[blockSize]byte {
	raw := make([]byte, blockSize+alignment)
	skip := -uintptr(unsafe.Pointer(&raw[0])) & (alignment - 1) //nolint:gosec // only the address's low bits are read
	return (*[blockSize]byte)(raw[skip:])
}

// direct writes whole blocks past the page cache in a goroutine of its own, so that the caller can receive and hash the
// next one meanwhile.
type direct struct {
	from  *Blocks
	plain *os.File // the same file through the page cache, for the tail
	block *[blockSize]byte
	n     int
	sent  int64 // the offset of block

	full    chan *[blockSize]byte
	free    chan *[blockSize]byte
	pending sync.WaitGroup
	done    chan struct{}

	mu  sync.Mutex
	err error
}

// start returns nil when the file system has no direct I/O or too many uploads use it.
func (b *Blocks) start(plain *os.File, off int64) *direct {
	select {
	case b.slots <- struct{}{}:
	default:
		return nil
	}
	out, err := openDirect(plain.Name())
	if err != nil {
		<-b.slots
		return nil
	}
	d := &direct{from: b, plain: plain, sent: off, done: make(chan struct{}),
		full: make(chan *[blockSize]byte, perUpload), free: make(chan *[blockSize]byte, perUpload)}
	for range perUpload {
		d.free <- b.pool.Get().(*[blockSize]byte)
	}
	d.block = <-d.free
	go d.write(out, off)
	return d
}

func (d *direct) put(p []byte) (int, error) {
	n := copy(d.block[d.n:], p)
	if d.n += n; d.n < blockSize {
		return n, nil
	}
	d.pending.Add(1)
	d.full <- d.block
	d.block, d.n, d.sent = <-d.free, 0, d.sent+blockSize
	return n, d.failure()
}

func (d *direct) write(out *os.File, off int64) {
	defer close(d.done)
	defer out.Close()
	to := out
	for block := range d.full {
		if d.failure() == nil {
			_, err := to.WriteAt(block[:], off)
			if errors.Is(err, syscall.EINVAL) && to == out { // the file system accepts the flag but not the write
				to = d.plain
				_, err = to.WriteAt(block[:], off)
			}
			d.fail(err)
			off += blockSize
		}
		d.free <- block
		d.pending.Done()
	}
}

func (d *direct) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = Full(err)
	}
}

func (d *direct) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// settle waits until all full blocks are in the file, and returns how far that is and what follows.
func (d *direct) settle() (inFile int64, rest []byte, err error) {
	d.pending.Wait()
	return d.sent, d.block[:d.n], d.failure()
}

// finish writes the tail and gives the blocks back.
func (d *direct) finish() error {
	close(d.full)
	<-d.done
	if d.failure() == nil && d.n > 0 {
		_, err := d.plain.WriteAt(d.block[:d.n], d.sent)
		d.fail(err)
	}
	d.from.pool.Put(d.block)
	for len(d.free) > 0 {
		d.from.pool.Put(<-d.free)
	}
	<-d.from.slots
	return d.failure()
}
