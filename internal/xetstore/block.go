package xetstore

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/xet"
)

const (
	largeBlock  = 1 << 20   // what is read at once
	smallBlock  = 160 << 10 // the same while many read; any chunk fits
	largeReads  = 8         // streams that read in large blocks: those that come when there are as many read in small ones
	blocksAhead = 3         // per stream: one read, one waiting, one written
)

var (
	largeBlocks = sync.Pool{New: func() any { return newReadBuffer(largeBlock) }}
	smallBlocks = sync.Pool{New: func() any { return newReadBuffer(smallBlock) }}
	largeTurns  = make(chan struct{}, largeReads)
	rawBuffers  = sync.Pool{New: func() any { return new([xet.MaxChunk]byte) }}
)

// block is a run of whole stored chunks and what to write of them.
type block struct {
	index      *xet.Index
	start, end int // chunks
	buf        *readBuffer
	at         int   // where the first chunk begins in buf
	skip, take int64 // uncompressed bytes to leave out, then to write
	err        error // nothing else is set, and no block follows
}

// readBuffer is memory that several blocks may share.
type readBuffer struct {
	b    []byte
	full []byte
	refs atomic.Int32
	pool *sync.Pool
	free chan<- struct{}
}

func newReadBuffer(size int) *readBuffer { return &readBuffer{full: make([]byte, size)} }

func (b *readBuffer) release() {
	if b.refs.Add(-1) == 0 {
		free := b.free
		b.b, b.free = nil, nil
		b.pool.Put(b)
		free <- struct{}{}
	}
}

// blockReader reads the stored bytes of a range of a file, ahead of who writes them.
type blockReader struct {
	ctx       context.Context
	store     *Store
	segments  []xet.Segment
	size      int64
	from, to  int64
	pool      *sync.Pool // of buffers that are blockSize long
	blockSize int64

	out  chan block
	free chan struct{}

	// The block before: terms that repeat chunks, as long runs of equal bytes have them, are served from it.
	last       *readBuffer
	lastIndex  *xet.Index
	start, end int
}

func newBlockReader(ctx context.Context, s *Store, segments []xet.Segment, size, off, n int64) *blockReader {
	r := &blockReader{
		ctx: ctx, store: s, segments: segments, size: size, from: off, to: off + n,
		out: make(chan block, blocksAhead), free: make(chan struct{}, blocksAhead),
		pool: &smallBlocks, blockSize: smallBlock,
	}
	select {
	case largeTurns <- struct{}{}:
		r.pool, r.blockSize = &largeBlocks, largeBlock
	default:
	}
	for range blocksAhead {
		r.free <- struct{}{}
	}
	return r
}

func (r *blockReader) run() {
	err := r.read()
	if r.last != nil {
		r.last.release()
	}
	if err != nil {
		select {
		case r.out <- block{err: err}:
		case <-r.ctx.Done():
		}
	}
	close(r.out)
}

// drain waits for the end of run and gives back what nobody has written.
func (r *blockReader) drain() {
	for b := range r.out {
		if b.buf != nil {
			b.buf.release()
		}
	}
	if r.pool == &largeBlocks {
		<-largeTurns
	}
}

func (r *blockReader) read() error {
	index := r.store.indexFor(r.ctx)
	var pos int64
	for i := range r.segments {
		seg := &r.segments[i]
		length := int64(seg.UnpackedBytes)
		if pos+length > r.from {
			from, to := max(r.from-pos, 0), min(r.to-pos, length)
			plan, err := xet.Plan(r.segments[i:i+1], uint64(length), uint64(from), uint64(to), index)
			if err != nil {
				return r.store.damaged("terms of a file", err)
			}
			if err := r.term(&plan.Terms[0], int64(plan.OffsetIntoFirst), to-from); err != nil {
				return err
			}
		}
		if pos += length; pos >= r.to {
			return nil
		}
	}
	return r.store.damaged("terms of a file", xet.ErrCorrupt) // they end before the file does
}

// term sends the blocks of a run of chunks.
func (r *blockReader) term(t *xet.Term, skip, take int64) error {
	x, err := r.store.index(r.ctx, t.Xorb)
	if err != nil {
		return err
	}
	start, end := int(t.Start), int(t.End)
	if r.last != nil && r.lastIndex.Hash == t.Xorb && r.start <= start && end <= r.end {
		return r.send(start, end, skip, take)
	}
	off, n := x.PhysRange(start, end)
	body, err := r.store.blobs.Open(r.ctx, xorbKey(t.Xorb), off, n)
	if err != nil {
		return r.store.damaged("xorb "+t.Xorb.String(), err)
	}
	defer body.Close()
	for start < end {
		next := blockEnd(x, start, end, r.blockSize)
		if err := r.load(body, x, start, next); err != nil {
			return r.store.damaged("xorb "+t.Xorb.String(), err)
		}
		here := min(int64(x.RawLen(start, next))-skip, take)
		if err := r.send(start, next, skip, here); err != nil {
			return err
		}
		take -= here
		skip = 0
		start = next
	}
	return nil
}

// blockEnd is how many chunks from start on fit into a block: at least one, since a chunk is smaller.
func blockEnd(x *xet.Index, start, end int, size int64) int {
	next := start + 1
	for next < end {
		if _, n := x.PhysRange(start, next+1); n > size {
			break
		}
		next++
	}
	return next
}

func (r *blockReader) load(body io.Reader, x *xet.Index, start, end int) error {
	if r.last != nil {
		r.last.release()
		r.last = nil
	}
	select {
	case <-r.free:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	_, n := x.PhysRange(start, end)
	buf := r.pool.Get().(*readBuffer)
	buf.b, buf.pool, buf.free = buf.full[:n], r.pool, r.free
	buf.refs.Store(1)
	r.last, r.lastIndex, r.start, r.end = buf, x, start, end
	_, err := io.ReadFull(body, buf.b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// send hands on chunks that the last buffer holds.
func (r *blockReader) send(start, end int, skip, take int64) error {
	before, _ := r.lastIndex.PhysRange(r.start, r.end)
	at, _ := r.lastIndex.PhysRange(start, end)
	r.last.refs.Add(1)
	b := block{index: r.lastIndex, start: start, end: end, buf: r.last, at: int(at - before), skip: skip, take: take}
	select {
	case r.out <- b:
		return nil
	case <-r.ctx.Done():
		r.last.release()
		return r.ctx.Err()
	}
}
