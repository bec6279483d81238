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
// the stream with an error that is xet.ErrCorrupt and of kind errs.Damaged, before the first byte if it was known. A long
// range takes 256 KiB of memory and as much for what is compressed; from a store on another machine it is read ahead of w,
// in up to 3 MiB. The caller has found the file through a repository that may be read.
func (s *Store) WriteTo(ctx context.Context, w io.Writer, f File, off, n int64) error {
	segments, err := s.termsOf(ctx, f)
	if err != nil {
		return errs.Wrap("xetstore.WriteTo", err)
	}
	if off < 0 || n < 0 || off > f.Size || n > f.Size-off {
		return errs.New(errs.RangeUnsatisfiable, "The file has no such range")
	}
	if err = s.prove(ctx, segments, off, n); err == nil {
		err = s.stream(ctx, w, s.far, segments, off, n)
	}
	if errors.Is(err, xet.ErrCorrupt) || errors.Is(err, errNoXorb) {
		s.terms.Remove(termsKey{f.RepoID, f.Hash}) // a repair may have brought others
	}
	return readerOf(err)
}

// readerOf turns what a reader met into what it is told.
func readerOf(err error) error {
	if !errors.Is(err, xet.ErrCorrupt) {
		return err
	}
	return &errs.Error{Kind: errs.Damaged, Op: "xetstore.Read", Err: err,
		Msg: "Stored bytes of this file are damaged and are not sent. The hub's operator is told. Whoever has the file can upload it again, which repairs it."}
}

// prove reads what is about to be sent of xorbs that are known to be damaged, so that an answer that would be cut is an
// error that tells why. What lies beside the damage is sent.
func (s *Store) prove(ctx context.Context, segments []xet.Segment, off, n int64) error {
	bad := s.knownDamage(ctx, segments)
	var pos int64
	for i := range segments {
		length := int64(segments[i].UnpackedBytes)
		from, to := max(off-pos, 0), min(off+n-pos, length)
		if _, damaged := bad[segments[i].Xorb]; damaged && from < to {
			if err := s.stream(ctx, io.Discard, false, segments[i:i+1], from, to-from); err != nil {
				return err
			}
		}
		pos += length
	}
	return nil
}

// stream is WriteTo on terms; ahead is whether a long range is read ahead of w.
func (s *Store) stream(ctx context.Context, w io.Writer, ahead bool, segments []xet.Segment, off, n int64) error {
	if n == 0 {
		return nil
	}
	d := decoder{store: s, w: w}
	defer d.close()
	how := reading{bytes: n, bare: true, ahead: ahead}
	return s.copyBlocks(ctx, how, func(r *blockReader) error { return r.terms(segments, off, off+n) }, d.write)
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
		return nil, errs.Wrap("xetstore.OpenXorb", readerOf(err))
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
	copyTo := func(w io.Writer) error {
		read := func(b *blockReader) error { return b.chunks(r.index, first, last, r.off-size(0, first), r.n, size) }
		return readerOf(r.store.copyBlocks(ctx, reading{bytes: r.n, ahead: r.store.far}, read, func(b *block) error {
			_, err := w.Write(b.stored()[b.skip : b.skip+b.take])
			return err
		}))
	}
	if bad := r.store.knownDamage(ctx, []xet.Segment{{Xorb: r.index.Hash}}); len(bad) > 0 {
		if err := copyTo(io.Discard); err != nil {
			return err
		}
	}
	return copyTo(w)
}

// gathered is how many bytes are written at once: a write to a connection wakes up its reader, which costs as much as
// copying 100 KiB. A run of direct bytes that lie together is worth a write of its own.
const (
	gathered = 256 << 10
	direct   = 64 << 10
)

var outBuffers = sync.Pool{New: func() any { return new([gathered]byte) }}

// decoder writes the uncompressed bytes of bare blocks.
type decoder struct {
	store *Store
	w     io.Writer
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
	skip, left := b.skip, b.take
	for i := b.start; i < b.end && left > 0; {
		next := b.run(i)
		length := int64(b.index.RawLen(i, next))
		from, to := min(skip, length), min(skip+left, length)
		skip -= from
		left -= to - from
		var err error
		if b.index.Chunks[i].Scheme == xet.SchemeNone {
			err = d.plain(b, i, next, from, to, left == 0)
		} else {
			err = d.decode(b, i, int(from), int(to))
		}
		if err != nil {
			return err
		}
		i = next
	}
	return d.flush()
}

// run is the end of the chunks from i on that are not compressed, or of chunk i, if that is.
func (b *block) run(i int) int {
	next := i
	for next < b.end && b.index.Chunks[next].Scheme == xet.SchemeNone {
		next++
	}
	return max(next, i+1)
}

// plain writes the bytes [from, to) of the uncompressed chunks [i, next), or keeps them to be written with those that
// follow; last is whether none do.
func (d *decoder) plain(b *block, i, next int, from, to int64, last bool) error {
	p := b.payloads(i, next)
	if uint64(len(p)) != b.index.RawLen(i, next) {
		return d.store.spoiled(b.index, fmt.Errorf("chunks %d to %d: length: %w", i, next, xet.ErrCorrupt))
	}
	p = p[from:to]
	if len(p) < direct && !(last && d.n == 0) {
		if err := d.room(len(p)); err != nil {
			return err
		}
		d.n += copy(d.out[d.n:], p)
		return nil
	}
	if err := d.flush(); err != nil {
		return err
	}
	_, err := d.w.Write(p)
	return err
}

// decode keeps the bytes [from, to) of a compressed chunk.
func (d *decoder) decode(b *block, i, from, to int) error {
	length := int(b.index.RawLen(i, i+1))
	if err := d.room(length); err != nil {
		return err
	}
	raw, err := xet.DecodePayload(d.out[:d.n], b.payloads(i, i+1), b.index.Chunks[i].Scheme, length)
	if err != nil {
		return d.store.spoiled(b.index, fmt.Errorf("chunk %d: decode: %w", i, xet.ErrCorrupt))
	}
	d.n += copy(raw[d.n:], raw[d.n+from:d.n+to])
	return nil
}

// room makes sure that out takes n more bytes.
func (d *decoder) room(n int) error {
	if d.out == nil {
		d.out = outBuffers.Get().(*[gathered]byte)
	}
	if d.n+n <= gathered {
		return nil
	}
	return d.flush()
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
