package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/cairnhub/cairn/internal/blob"
)

const (
	directBlock = 4 << 20 // what is read at once past the page cache
	alignment   = 4096    // of offsets, lengths and memory that direct I/O takes
	hugePage    = 2 << 20 // the same of huge pages
	blocksAhead = 2       // one being looked at, one being read
)

var (
	_ blob.Uncached  = (*Store)(nil)
	_ blob.Filed     = (*Store)(nil)
	_ blob.Forgetter = (*Store)(nil)
)

// A block lies in two huge pages, where the system has them: the kernel pins every page of what it reads into, which for small
// ones takes half of what reading costs. The megabytes before and behind are never touched, so they take no memory.
var directBlocks = sync.Pool{New: func() any {
	raw := make([]byte, directBlock+hugePage)
	skip := -uintptr(unsafe.Pointer(&raw[0])) & (hugePage - 1) //nolint:gosec // only the address's low bits are read
	block := (*[directBlock]byte)(raw[skip:])
	preferHuge(block[:])
	return block
}}

// OpenFile opens an object's file.
func (s *Store) OpenFile(ctx context.Context, key string) (*os.File, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	f, err := os.Open(s.path(key))
	if err != nil {
		return nil, absent(key, err)
	}
	return f, nil
}

// OpenUncached reads from the disk and not from the page cache, by direct I/O in aligned blocks. A file system that has
// no direct I/O is asked to forget what it has of the file before, and again after.
func (s *Store) OpenUncached(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, errors.New("negative offset")
	}
	f, direct, err := openUncached(s.path(key))
	if err != nil {
		return nil, absent(key, err)
	}
	size, err := sizeOf(f, key)
	if err == nil {
		n, err = lengthOf(size, key, off, n)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &uncached{ctx: ctx, file: f, direct: direct, off: off, left: n}, nil
}

// uncached is a range of a file being read past the page cache.
type uncached struct {
	ctx       context.Context
	file      *os.File
	direct    bool
	off, left int64 // of the next byte to give

	block *[directBlock]byte // for Read
	rest  []byte             // of it
}

func (u *uncached) Read(p []byte) (int, error) {
	if u.left <= 0 {
		return 0, io.EOF
	}
	if len(u.rest) == 0 {
		if u.block == nil {
			u.block = directBlocks.Get().(*[directBlock]byte)
		}
		var err error
		if u.rest, err = u.fill(u.block, u.off, u.left); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.rest)
	u.advance(n)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *uncached) advance(n int) { u.off, u.left = u.off+int64(n), u.left-int64(n) }

// fill reads the aligned block that off lies in and returns its bytes from there on, at most left.
func (u *uncached) fill(block *[directBlock]byte, off, left int64) ([]byte, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	from := off &^ (alignment - 1)
	skip := off - from
	length := min((skip+left+alignment-1)&^(alignment-1), directBlock)
	n, err := u.file.ReadAt(block[:length], from)
	if errors.Is(err, syscall.EINVAL) && u.direct { // the file system accepts the flag but not the read
		u.direct = false
		if err = clearDirect(u.file); err == nil {
			n, err = u.file.ReadAt(block[:length], from)
		}
	}
	if !u.direct {
		forget(u.file, from, length)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	if int64(n) <= skip {
		return nil, io.ErrUnexpectedEOF // the file was cut behind our back
	}
	return block[skip:min(int64(n), skip+left)], nil
}

// filled is a block on its way from the disk to who looks at it.
type filled struct {
	block *[directBlock]byte
	bytes []byte
	err   error
}

// WriteTo hands whole blocks to w while the next one is read. w must not keep them.
func (u *uncached) WriteTo(w io.Writer) (written int64, err error) {
	if u.left <= directBlock/4 { // not worth a goroutine
		return io.Copy(w, onlyReader{u})
	}
	free, out, stop := make(chan *[directBlock]byte, blocksAhead), make(chan filled, blocksAhead), make(chan struct{})
	for range blocksAhead {
		free <- directBlocks.Get().(*[directBlock]byte)
	}
	go u.readAhead(free, out, stop)
	defer func() { // wait for the end of the reading, and give the blocks back
		close(stop)
		for f := range out {
			directBlocks.Put(f.block)
		}
		for range len(free) {
			directBlocks.Put(<-free)
		}
	}()
	for u.left > 0 {
		f := <-out
		n := 0
		if err = f.err; err == nil {
			if n, err = w.Write(f.bytes); err == nil && n < len(f.bytes) {
				err = io.ErrShortWrite
			}
		}
		free <- f.block
		u.advance(n)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// readAhead reads all that is left into free blocks, until it fails or is stopped.
func (u *uncached) readAhead(free <-chan *[directBlock]byte, out chan<- filled, stop <-chan struct{}) {
	defer close(out)
	off, left := u.off, u.left
	for left > 0 {
		select {
		case <-stop:
			return
		case block := <-free:
			bytes, err := u.fill(block, off, left)
			off, left = off+int64(len(bytes)), left-int64(len(bytes))
			out <- filled{block, bytes, err} // there is room for every block
			if err != nil {
				return
			}
		}
	}
}

// onlyReader hides WriteTo.
type onlyReader struct{ io.Reader }

func (u *uncached) Close() error {
	if u.block != nil {
		directBlocks.Put(u.block)
		u.block, u.rest = nil, nil
	}
	return u.file.Close()
}
