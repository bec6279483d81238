package xetstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	largeBlock  = 512 << 10 // what is read at once
	smallBlock  = 160 << 10 // the same while many read
	largeReads  = 8         // streams that read in large blocks: those that come when there are as many read in small ones
	blocksAhead = 3         // per stream: one read, one waiting, one written

	// A short range is read, mostly at once, and then written.
	shortRange = 128 << 10
	shortBlock = shortRange + 2*xet.MaxChunk

	// What is read in turn fits into the cache of one core, from the copy out of the page cache to the one into the connection.
	turnBlock = 256 << 10
)

var (
	turnBlocks  = sync.Pool{New: func() any { return newReadBuffer(turnBlock) }}
	largeBlocks = sync.Pool{New: func() any { return newReadBuffer(largeBlock) }}
	smallBlocks = sync.Pool{New: func() any { return newReadBuffer(smallBlock) }}
	shortBlocks = sync.Pool{New: func() any { return newReadBuffer(shortBlock) }}
	largeTurns  = make(chan struct{}, largeReads)
)

// block is a run of whole stored chunks, all of them checked, and what to write of them.
type block struct {
	index      *xet.Index
	start, end int // chunks
	buf        *readBuffer
	at         int   // where the first chunk begins in buf
	skip, take int64 // bytes to leave out, then to write: uncompressed ones, or stored ones for who asked for those
	err        error // nothing else is set, and no block follows
}

// stored is the chunks with their headers, of a block that is not bare.
func (b *block) stored() []byte {
	_, n := b.index.PhysRange(b.start, b.end)
	return b.buf.b[b.at : b.at+int(n)]
}

// payloads is those of the chunks [start, end), one behind the other, of a bare block.
func (b *block) payloads(start, end int) []byte {
	at := b.at + bareLen(b.index, b.start, start)
	return b.buf.b[at : at+bareLen(b.index, start, end)]
}

// bareLen is the length of the chunks [start, end) without their headers.
func bareLen(x *xet.Index, start, end int) int {
	_, n := x.PhysRange(start, end)
	return int(n) - (end-start)*chunkHeader
}

// readBuffer is memory that several blocks may share.
type readBuffer struct {
	b    []byte
	full []byte
	refs atomic.Int32
	pool *sync.Pool      // nil: made for one chunk
	free chan<- struct{} // told when it is, if not nil
}

func newReadBuffer(size int) *readBuffer { return &readBuffer{full: make([]byte, size)} }

func (b *readBuffer) release() {
	if b.refs.Add(-1) > 0 {
		return
	}
	free := b.free
	b.b, b.free = nil, nil
	if b.pool != nil {
		b.pool.Put(b)
	}
	if free != nil {
		free <- struct{}{}
	}
}

// blockReader reads runs of chunks and checks them.
type blockReader struct {
	ctx   context.Context
	store *Store
	emit  func(block) error // takes the block's share of its buffer over
	pool  *sync.Pool        // of buffers
	bare  bool              // blocks are
	free  chan struct{}     // by which emit bounds how far it is behind; nil: it is not

	// The block before: terms that repeat chunks, as long runs of equal bytes have them, are served from it.
	last       *readBuffer
	lastIndex  *xet.Index
	start, end int
}

// reading is how a stream is read.
type reading struct {
	bytes int64 // how many are asked for
	bare  bool  // its blocks are: the chunks' payloads lie one behind the other
	ahead bool  // a long one goes on while blocks are written: for writers that have work of their own, and for far stores
}

// copyBlocks has read emit blocks, and write write them: in turn, or reading ahead.
//
// In turn is faster for a connection: what one core has just read and checked it need not fetch from another's cache to
// send it, no goroutine wakes another, and the kernel reads the disk ahead anyway.
func (s *Store) copyBlocks(ctx context.Context, how reading, read func(*blockReader) error, write func(*block) error) error {
	r := &blockReader{ctx: ctx, store: s, pool: &shortBlocks, bare: how.bare}
	if how.bytes > shortRange {
		if how.ahead {
			return s.copyAhead(ctx, how.bare, read, write)
		}
		r.pool = &turnBlocks
	}
	r.emit = func(b block) error {
		defer b.buf.release()
		return write(&b)
	}
	defer r.forget()
	return read(r)
}

func (s *Store) copyAhead(ctx context.Context, bare bool, read func(*blockReader) error, write func(*block) error) error {
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan block, blocksAhead)
	r := &blockReader{ctx: ctx, store: s, pool: &smallBlocks, bare: bare, free: make(chan struct{}, blocksAhead)}
	select {
	case largeTurns <- struct{}{}:
		r.pool = &largeBlocks
		defer func() { <-largeTurns }()
	default:
	}
	for range blocksAhead {
		r.free <- struct{}{}
	}
	send := func(b block) error {
		select {
		case out <- b:
			return nil
		case <-ctx.Done():
			if b.buf != nil {
				b.buf.release()
			}
			return ctx.Err()
		}
	}
	r.emit = send
	go func() {
		defer close(out)
		defer r.forget()
		if err := read(r); err != nil {
			_ = send(block{err: err}) // nobody listens any more if it fails
		}
	}()
	defer func() { // wait for the end of the reading, and give back what was not written
		cancel()
		for b := range out {
			if b.buf != nil {
				b.buf.release()
			}
		}
	}()
	for b := range out {
		if b.err != nil {
			return b.err
		}
		err := write(&b)
		b.buf.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// forget gives back the buffer that was kept for repetitions.
func (r *blockReader) forget() {
	if r.last != nil {
		r.last.release()
		r.last = nil
	}
}

// chunks emits the chunks [start, end) of a xorb, without the first skip bytes that sizes counts, up to take bytes.
func (r *blockReader) chunks(x *xet.Index, start, end int, skip, take int64, size func(start, end int) int64) error {
	if r.last != nil && r.lastIndex.Hash == x.Hash && r.start <= start && end <= r.end {
		return r.send(start, end, skip, take)
	}
	off, n := x.PhysRange(start, end)
	body, err := r.store.blobs.Open(r.ctx, xorbKey(x.Hash), off, n)
	if err != nil {
		return r.store.spoiled(x, err)
	}
	defer func() { _ = body.Close() }()
	again := false
	for start < end {
		next, err := r.load(body, x, start, end)
		if err != nil && !again && r.store.staleCopy(x, err) {
			again = true
			_ = body.Close()
			off, n := x.PhysRange(start, end)
			if body, err = r.store.blobs.Open(r.ctx, xorbKey(x.Hash), off, n); err == nil {
				continue
			}
			body = io.NopCloser(nil)
		}
		if err != nil {
			return r.store.spoiled(x, err)
		}
		here := min(size(start, next)-skip, take)
		if err := r.send(start, next, skip, here); err != nil {
			return err
		}
		take -= here
		skip = 0
		start = next
	}
	return nil
}

// load reads as many of the chunks as a buffer holds, at least one, and checks them.
func (r *blockReader) load(body io.Reader, x *xet.Index, start, end int) (next int, err error) {
	r.forget()
	if err := r.wait(); err != nil {
		return 0, err
	}
	r.last, next = r.buffer(x, start, end)
	r.lastIndex, r.start, r.end = x, start, next
	if _, err = io.ReadFull(body, r.last.b); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = checkChunks(x, start, next, r.last.b)
	}
	if err == nil && r.bare {
		dropHeaders(x, start, next, r.last.b)
	}
	return next, err
}

// wait returns when another block may be read.
func (r *blockReader) wait() error {
	if r.free == nil {
		return r.ctx.Err()
	}
	select {
	case <-r.free:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// buffer returns one as long as the chunks from start on that fit into it.
func (r *blockReader) buffer(x *xet.Index, start, end int) (buf *readBuffer, next int) {
	buf, next = r.pool.Get().(*readBuffer), start
	buf.pool = r.pool
	for next < end {
		if _, n := x.PhysRange(start, next+1); n > int64(len(buf.full)) {
			break
		}
		next++
	}
	_, n := x.PhysRange(start, max(next, start+1))
	if next == start { // legal, though nobody has reason to store a chunk so much longer than it is
		r.pool.Put(buf)
		buf, next = newReadBuffer(int(n)), start+1
	}
	buf.b, buf.free = buf.full[:n], r.free
	buf.refs.Store(1)
	return buf, next
}

// send emits chunks that the last buffer holds.
func (r *blockReader) send(start, end int, skip, take int64) error {
	_, before := r.lastIndex.PhysRange(r.start, start)
	at := int(before)
	if r.bare {
		at = chunkHeader + bareLen(r.lastIndex, r.start, start)
	}
	r.last.refs.Add(1)
	return r.emit(block{index: r.lastIndex, start: start, end: end, buf: r.last, at: at, skip: skip, take: take})
}

// chunkHeader is the length of the header before each stored chunk.
const chunkHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkChunks compares stored chunks with what is known of them. Reading them from memory that was just filled takes a
// tenth of the time that it takes to write them.
func checkChunks(x *xet.Index, start, end int, stored []byte) error {
	for i := start; i < end; i++ {
		_, n := x.PhysRange(i, i+1)
		if header := headerOf(x, i); [chunkHeader]byte(stored) != header {
			return fmt.Errorf("chunk %d: header: %w", i, xet.ErrCorrupt)
		}
		if crc32.Checksum(stored[chunkHeader:n], castagnoli) != x.Chunks[i].CRC {
			return fmt.Errorf("chunk %d: checksum: %w", i, xet.ErrCorrupt)
		}
		stored = stored[n:]
	}
	return nil
}

// dropHeaders moves the payloads together, behind the first chunk's header, which stays: so that a run of chunks that are
// not compressed can be written as it lies.
func dropHeaders(x *xet.Index, start, end int, stored []byte) {
	from, to := 0, chunkHeader
	for i := start; i < end; i++ {
		n := bareLen(x, i, i+1)
		if from += chunkHeader; from != to {
			copy(stored[to:], stored[from:from+n])
		}
		from += n
		to += n
	}
}

// headerOf is the header that a chunk was stored with.
func headerOf(x *xet.Index, i int) [chunkHeader]byte {
	_, n := x.PhysRange(i, i+1)
	payload, raw := n-chunkHeader, x.RawLen(i, i+1)
	return [chunkHeader]byte{
		0, byte(payload), byte(payload >> 8), byte(payload >> 16),
		byte(x.Chunks[i].Scheme), byte(raw), byte(raw >> 8), byte(raw >> 16),
	}
}

// staleCopy reports whether what was found wrong was read from a copy, which is then dropped: the xorb itself may be well.
func (s *Store) staleCopy(x *xet.Index, err error) bool {
	wrong := errors.Is(err, xet.ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF)
	return wrong && blob.Forget(s.blobs, xorbKey(x.Hash))
}

// spoiled is an error met while reading a xorb. Its index is read again next time: the blob may have been replaced.
func (s *Store) spoiled(x *xet.Index, err error) error {
	if s.gone(context.Background(), x.Hash, err) {
		s.indexes.Remove(x.Hash)
		return fmt.Errorf("xorb %s: %w", x.Hash, errNoXorb)
	}
	if damaged := s.damaged("xorb "+x.Hash.String(), err); errors.Is(damaged, xet.ErrCorrupt) {
		s.indexes.Remove(x.Hash)
		if s.replaced(x) {
			return errs.New(errs.Unavailable, "What is stored was replaced while it was read, try again")
		}
		s.noteDamage(context.Background(), x.Hash)
		return damaged
	}
	return err
}

// replaced reports whether a xorb is stored otherwise than an index says, by the index that is stored with it: another node
// has stored the same chunks, compressed differently.
func (s *Store) replaced(x *xet.Index) bool {
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	now, err := s.index(ctx, x.Hash)
	return err == nil && !bytes.Equal(now.AppendTrailer(nil), x.AppendTrailer(nil))
}
