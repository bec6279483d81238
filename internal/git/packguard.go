package git

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// GuardLimits bound what a pack that is still on its way may make its reader do.
type GuardLimits struct {
	Bytes   int64 // of the pack
	Objects int64
	Object  int64 // inflated bytes of one object
	// Inflated and Result bound the bytes that all streams inflate to, and that all deltas make, together. Each byte of
	// the pack earns Ratio more of the first and DeltaRatio more of the second: honest histories compress well, too.
	Inflated, Ratio    int64
	Result, DeltaRatio int64
}

// GuardPack reads one pack from a stream, to its last byte, and refuses with ErrLimit the entry that is too much. It
// checks the frame only; who takes the pack checks the rest. n is the number of objects.
func GuardPack(r io.Reader, lim GuardLimits) (n int64, err error) {
	src := &countingReader{}
	src.reset(r)
	g := &packGuard{src: src, lim: lim}
	var head [packHeaderLen]byte
	if _, err := io.ReadFull(src.buf, head[:]); err != nil {
		return 0, cutShort(err)
	}
	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return 0, malformed("this is no pack of version 2")
	}
	n = int64(binary.BigEndian.Uint32(head[8:]))
	if n > lim.Objects {
		return n, fmt.Errorf("%w: %d objects", ErrLimit, n)
	}
	for range n {
		if err := g.entry(); err != nil {
			return n, err
		}
	}
	if _, err := io.CopyN(io.Discard, src.buf, packTrailerLen); err != nil {
		return n, cutShort(err)
	}
	if _, err := src.buf.ReadByte(); err != io.EOF {
		return n, malformed("bytes follow the pack")
	}
	return n, nil
}

func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return malformed("the pack is cut short")
	}
	return err
}

type packGuard struct {
	src              *countingReader
	lim              GuardLimits
	inflated, result int64
}

func (g *packGuard) entry() error {
	h, err := readEntryHeadFrom(g.src.buf)
	if err != nil {
		return err
	}
	if h.size > g.lim.Object {
		return fmt.Errorf("%w: an object of %d bytes", ErrLimit, h.size)
	}
	used := g.src.used()
	if used > g.lim.Bytes {
		return fmt.Errorf("%w: a pack of more than %d bytes", ErrLimit, g.lim.Bytes)
	}
	if g.inflated += h.size; g.inflated > g.lim.Inflated+used*g.lim.Ratio {
		return fmt.Errorf("%w: the pack inflates to more than %d bytes", ErrLimit, g.inflated-h.size)
	}
	z, err := inflater(g.src.buf)
	if err != nil {
		return err
	}
	defer releaseInflater(z)
	left := h.size
	if h.kind.isDelta() {
		if left, err = g.deltaSizes(z, left, used); err != nil {
			return err
		}
	}
	return discardExactly(z, io.Discard, left)
}

// deltaSizes reads the two sizes at the start of a delta and counts the second, that of the object it makes.
func (g *packGuard) deltaSizes(z io.Reader, size, used int64) (left int64, err error) {
	var result int64
	for range 2 {
		result = 0
		for shift := 0; ; shift += 7 {
			var b [1]byte
			if _, err := io.ReadFull(z, b[:]); err != nil {
				return 0, cutShort(err)
			}
			if size--; size < 0 || shift > 53 {
				return 0, malformed("delta's sizes")
			}
			result |= int64(b[0]&0x7f) << shift
			if b[0]&0x80 == 0 {
				break
			}
		}
	}
	if result > g.lim.Object {
		return 0, fmt.Errorf("%w: an object of %d bytes", ErrLimit, result)
	}
	if g.result += result; g.result > g.lim.Result+used*g.lim.DeltaRatio {
		return 0, fmt.Errorf("%w: the pack's deltas make more than %d bytes", ErrLimit, g.result-result)
	}
	return size, nil
}

// readEntryHeadFrom reads an entry's head from a stream; where a delta's base lies is of no interest.
func readEntryHeadFrom(r *bufio.Reader) (h entryHead, err error) {
	c, err := r.ReadByte()
	if err != nil {
		return h, cutShort(err)
	}
	h.kind, h.size = Kind(c>>4&7), int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = r.ReadByte(); err != nil {
			return h, cutShort(err)
		}
		if shift > 53 {
			return h, malformed("pack entry's size")
		}
		h.size |= int64(c&0x7f) << shift
	}
	switch {
	case h.kind == kindREFDelta:
		_, err = io.CopyN(io.Discard, r, 20)
	case h.kind == kindOFSDelta:
		for i := 0; ; i++ {
			if c, err = r.ReadByte(); err != nil || c&0x80 == 0 {
				break
			}
			if i > 8 {
				return h, malformed("pack entry's base")
			}
		}
	case !h.kind.Valid():
		return h, malformed("pack entry of type %d", h.kind)
	}
	if err != nil {
		err = cutShort(err)
	}
	return h, err
}
