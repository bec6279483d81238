package xetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// WriteTo writes n bytes of a file from off to w. Every chunk is checked before any of its bytes is written: damage ends
// the stream with an error that is xet.ErrCorrupt. A long range is read ahead of w, in up to 3 MiB. The caller has found the
// file through a repository that may be read.
func (s *Store) WriteTo(ctx context.Context, w io.Writer, f File, off, n int64) error {
	segments, err := s.termsOf(ctx, f)
	if err != nil {
		return errs.Wrap("xetstore.WriteTo", err)
	}
	if off < 0 || n < 0 || off > f.Size || n > f.Size-off {
		return errs.New(errs.RangeUnsatisfiable, "The file has no such range")
	}
	err = s.stream(ctx, w, false, segments, off, n)
	if errors.Is(err, xet.ErrCorrupt) || errors.Is(err, errNoXorb) {
		s.terms.Remove(termsKey{f.RepoID, f.Hash}) // a repair may have brought others
	}
	return err
}

// stream is WriteTo on terms; plain is whether w takes small pieces as well as large ones.
func (s *Store) stream(ctx context.Context, w io.Writer, plain bool, segments []xet.Segment, off, n int64) error {
	if n == 0 {
		return nil
	}
	d := decoder{store: s, w: w, plain: plain}
	defer d.close()
	return s.copyBlocks(ctx, n, func(r *blockReader) error { return r.terms(segments, off, off+n) }, d.write)
}

// terms emits the bytes [from, to) of a file.
func (r *blockReader) terms(segments []xet.Segment, from, to int64) error {
	var pos int64
	for i := range segments {
		seg := &segments[i]
		length := int64(seg.UnpackedBytes)
		if pos+length > from {
			if err := r.term(seg, max(from-pos, 0), min(to-pos, length)); err != nil {
				return err
			}
		}
		if pos += length; pos >= to {
			return nil
		}
	}
	return r.store.damaged("terms of a file", xet.ErrCorrupt) // they end before the file does
}

// term emits the bytes [from, to) of a term.
func (r *blockReader) term(seg *xet.Segment, from, to int64) error {
	x, err := r.store.index(r.ctx, seg.Xorb)
	if err != nil {
		return err
	}
	start, end := int(seg.Start), int(seg.End)
	if start >= end || end > x.NumChunks() || x.RawLen(start, end) != uint64(seg.UnpackedBytes) {
		return r.store.damaged("terms of a file", fmt.Errorf("chunks %d to %d: %w", start, end, xet.ErrCorrupt))
	}
	size := func(start, end int) int64 { return int64(x.RawLen(start, end)) }
	first, last := cover(start, end, from, to, size)
	return r.chunks(x, first, last, from-size(start, first), to-from, size)
}

// cover returns the chunks of [start, end) in which the bytes [from, to) lie, counted by size from the first chunk's begin.
func cover(start, end int, from, to int64, size func(start, end int) int64) (first, last int) {
	first = start + sort.Search(end-start, func(i int) bool { return size(start, start+i+1) > from })
	last = start + sort.Search(end-start, func(i int) bool { return size(start, start+i) >= to })
	return first, last
}

// StoredRange is a part of a xorb's body, for clients that decode for themselves.
type StoredRange struct {
	store  *Store
	index  *xet.Index
	off, n int64
}

// OpenXorb makes n bytes of a xorb's body from off ready to be written. The caller has proof that these bytes may be
// read. A range that reaches past the body, where the index lies, is refused.
func (s *Store) OpenXorb(ctx context.Context, hash xet.Hash, off, n int64) (*StoredRange, error) {
	x, err := s.index(ctx, hash)
	if err != nil {
		return nil, errs.Wrap("xetstore.OpenXorb", err)
	}
	if off < 0 || n < 0 || off > x.BodyLen() || n > x.BodyLen()-off {
		return nil, errs.New(errs.RangeUnsatisfiable, "The xorb has no such range")
	}
	return &StoredRange{s, x, off, n}, nil
}

// Copy writes the range to w as it is stored. Like those of WriteTo, no bytes leave whose chunk was not checked, whole.
func (r *StoredRange) Copy(ctx context.Context, w io.Writer) error {
	if r.n == 0 {
		return nil
	}
	size := func(start, end int) int64 { _, n := r.index.PhysRange(start, end); return n }
	first, last := cover(0, r.index.NumChunks(), r.off, r.off+r.n, size)
	read := func(b *blockReader) error { return b.chunks(r.index, first, last, r.off-size(0, first), r.n, size) }
	return r.store.copyBlocks(ctx, r.n, read, func(b *block) error {
		_, err := w.Write(b.stored()[b.skip : b.skip+b.take])
		return err
	})
}

// gathered is how many bytes are written at once: a write to a connection wakes up its reader, which costs as much as
// copying 100 KiB.
const gathered = 256 << 10

var outBuffers = sync.Pool{New: func() any { return new([gathered]byte) }}

// decoder writes the uncompressed bytes of blocks.
type decoder struct {
	store *Store
	w     io.Writer
	plain bool            // w takes what it gets in small pieces as well as in large ones
	out   *[gathered]byte // nil until it is needed
	n     int             // bytes in out that are not written yet
}

func (d *decoder) close() {
	if d.out != nil {
		outBuffers.Put(d.out)
	}
}

// write writes all of a block.
func (d *decoder) write(b *block) error {
	stored, skip, left := b.stored(), b.skip, b.take
	for i := b.start; i < b.end && left > 0; i++ {
		_, n := b.index.PhysRange(i, i+1)
		length := int64(b.index.RawLen(i, i+1))
		from, to := min(skip, length), min(skip+left, length)
		if err := d.chunk(b, i, stored[:n], from, to, to-from == left); err != nil {
			return err
		}
		stored = stored[n:]
		skip -= from
		left -= to - from
	}
	return d.flush()
}

// chunk writes the bytes [from, to) of a chunk, or keeps them to be written with those that follow; last is whether none do.
func (d *decoder) chunk(b *block, i int, stored []byte, from, to int64, last bool) error {
	payload, length := stored[chunkHeader:], int(b.index.RawLen(i, i+1))
	whole := b.index.Chunks[i].Scheme == xet.SchemeNone
	if whole && len(payload) != length {
		return d.store.spoiled(b.index, fmt.Errorf("chunk %d: length: %w", i, xet.ErrCorrupt))
	}
	if whole && (d.plain || last && d.n == 0) { // no need to copy it
		if err := d.flush(); err != nil {
			return err
		}
		_, err := d.w.Write(payload[from:to])
		return err
	}
	if d.out == nil {
		d.out = outBuffers.Get().(*[gathered]byte)
	}
	if d.n+length > gathered {
		if err := d.flush(); err != nil {
			return err
		}
	}
	if whole {
		d.n += copy(d.out[d.n:], payload[from:to])
		return nil
	}
	raw, n, err := xet.DecodeChunk(d.out[:d.n], stored)
	if err != nil || n != len(stored) || len(raw) != d.n+length {
		return d.store.spoiled(b.index, fmt.Errorf("chunk %d: decode: %w", i, xet.ErrCorrupt))
	}
	d.n += copy(raw[d.n:], raw[d.n+int(from):d.n+int(to)])
	return nil
}

func (d *decoder) flush() error {
	n := d.n
	d.n = 0
	if n == 0 {
		return nil
	}
	_, err := d.w.Write(d.out[:n])
	return err
}
