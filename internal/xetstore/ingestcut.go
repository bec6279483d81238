package xetstore

import (
	"context"
	"errors"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/xet"
)

// Reading and cutting, the SHA-256, the chunks' own hashes, and compressing and writing are goroutines of their own, which
// pass each chunk on in one buffer: none waits for another, and no byte is copied between them.

// chunkBuffer holds one chunk until the last who uses it lets go of it.
type chunkBuffer struct {
	bytes [xet.MaxChunk]byte
	n     int
	users atomic.Int32
}

var chunkBuffers = sync.Pool{New: func() any { return new(chunkBuffer) }}

func newChunkBuffer(chunk []byte, users int32) *chunkBuffer {
	b := chunkBuffers.Get().(*chunkBuffer)
	b.n = copy(b.bytes[:], chunk)
	b.users.Store(users)
	return b
}

func (b *chunkBuffer) chunk() []byte { return b.bytes[:b.n] }

func (b *chunkBuffer) release() {
	if b.users.Add(-1) == 0 {
		chunkBuffers.Put(b)
	}
}

// chunksAhead are on their way from one goroutine to the next: 8 × 128 KiB.
const chunksAhead = 8

// read takes in all of r, and writes it to sum unless that is nil. When it returns, nobody reads r any more.
func (in *ingest) read(r io.Reader, sum hash.Hash) error {
	ctx, cancel := context.WithCancel(in.ctx)
	c := &cutter{ctx: ctx, out: make(chan *chunkBuffer, chunksAhead)}
	var wg sync.WaitGroup
	if sum != nil {
		c.sum = make(chan *chunkBuffer, chunksAhead)
		wg.Go(func() { hashChunks(sum, c.sum) })
	}
	wg.Go(func() { c.run(r) })
	err := in.takeIn(c.out)
	cancel()
	for b := range c.out { // after an error
		b.release()
	}
	wg.Wait()
	if err == nil {
		err = c.err
	}
	return err
}

func (in *ingest) takeIn(chunks <-chan *chunkBuffer) error {
	for b := range chunks {
		if err := in.add(b, xet.ChunkHash(b.chunk())); err != nil {
			return err
		}
	}
	return nil
}

func hashChunks(sum hash.Hash, chunks <-chan *chunkBuffer) {
	for b := range chunks {
		_, _ = sum.Write(b.chunk()) // never fails
		b.release()
	}
}

// cutter reads and cuts.
type cutter struct {
	ctx      context.Context
	out, sum chan *chunkBuffer // sum may be nil
	err      error             // to be read once out is closed
}

func (c *cutter) run(r io.Reader) {
	defer close(c.out)
	users := int32(1)
	if c.sum != nil {
		users = 2
		defer close(c.sum)
	}
	chunker := xet.NewChunker(r)
	for c.ctx.Err() == nil {
		chunk, err := chunker.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.err = err
			}
			return
		}
		b := newChunkBuffer(chunk, users)
		if c.sum != nil {
			c.sum <- b // its reader never stops early
		}
		c.out <- b // nor does this one's
	}
	c.err = c.ctx.Err()
}
