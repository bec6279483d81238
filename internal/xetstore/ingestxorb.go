package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/xet"
)

// xorbUpload is a xorb that an ingest is filling. Compressing and writing is done in a goroutine of its own, so that
// reading and hashing goes on meanwhile.
type xorbUpload struct {
	number int32
	count  int // chunks, raw bytes
	raw    int
	chunks []chunkRow // by which others may find the xorb, still without its hash
	up     blob.Upload
	in     chan pendingChunk
	done   chan struct{}
	index  *xet.Index
	err    error
}

type pendingChunk struct {
	buf *chunkBuffer
	h   xet.Hash
}

// keep puts a chunk into the xorb that is being written, and takes its buffer over.
func (in *ingest) keep(b *chunkBuffer, h xet.Hash) (chunkPlace, error) {
	if err := in.room(b.n); err != nil {
		b.release()
		return chunkPlace{}, err
	}
	c := in.cur
	at := chunkPlace{c.number, uint32(c.count)}
	if c.count == 0 || xet.GlobalDedupEligible(h) {
		c.chunks = append(c.chunks, chunkRow{chunk: h})
	}
	c.count++
	c.raw += b.n
	return at, c.send(in.ctx, pendingChunk{b, h})
}

// room makes sure that there is a xorb to which a chunk can be added.
func (in *ingest) room(chunk int) error {
	if in.cur != nil && (in.cur.count == xet.MaxXorbChunks || in.cur.raw+chunk > xet.MaxXorbRaw) {
		if err := in.finishXorb(); err != nil {
			return err
		}
	}
	if in.cur != nil {
		return nil
	}
	return in.startXorb()
}

func (in *ingest) startXorb() error {
	up, err := in.store.blobs.Create(in.ctx)
	if err != nil {
		return err
	}
	c := &xorbUpload{
		number: int32(len(in.xorbs)), up: up, in: make(chan pendingChunk, chunksAhead),
		done: make(chan struct{}),
	}
	in.xorbs = append(in.xorbs, xet.Hash{})
	in.cur = c
	go c.write()
	return nil
}

// send hands a chunk to the writing goroutine.
func (c *xorbUpload) send(ctx context.Context, p pendingChunk) error {
	select {
	case c.in <- p:
		return nil
	case <-ctx.Done():
		p.buf.release()
		return ctx.Err()
	}
}

// write fills the upload. After an error it goes on taking chunks, so that nobody hangs.
func (c *xorbUpload) write() {
	defer close(c.done)
	w := xet.NewXorbWriter(c.up)
	for p := range c.in {
		if c.err == nil {
			_, _ = w.Add(p.buf.chunk(), p.h) // the sender knows what fits
			c.err = w.Err()
		}
		p.buf.release()
	}
	index, err := w.Finish()
	if c.err == nil {
		c.index, c.err = index, err
	}
}

// finishXorb stores the xorb that is being written, as a blob that no row names yet.
func (in *ingest) finishXorb() error {
	c := in.cur
	if c == nil {
		return nil
	}
	in.cur = nil
	defer c.up.Abort()
	close(c.in)
	<-c.done
	if c.err != nil {
		return c.err
	}
	if _, err := c.up.Write(c.index.AppendTrailer(nil)); err != nil {
		return err
	}
	h, s := c.index.Hash, in.store
	stored := c.up.Size()
	unlock, err := s.commits.Take(in.ctx, h)
	if err != nil {
		return err
	}
	anew, err := s.commitBody(in.ctx, c.up, h)
	unlock()
	if err != nil {
		return err
	}
	if _, again := in.number[h]; !again {
		in.number[h] = c.number
		if anew {
			in.rows = append(in.rows, newXorbRow(c.index, stored, s.micros()))
		} else {
			in.had = append(in.had, h)
		}
	}
	in.xorbs[c.number] = h
	for _, row := range c.chunks {
		in.chunks = append(in.chunks, chunkRow{row.chunk, h})
	}
	return nil
}

// abort ends what is left after a failure.
func (in *ingest) abort() {
	if c := in.cur; c != nil {
		in.cur = nil
		close(c.in)
		<-c.done
		_ = c.up.Abort()
	}
}
