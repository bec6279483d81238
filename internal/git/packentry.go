package git

import (
	"io"

	"github.com/cairnhub/cairn/internal/hub"
)

// packHeaderLen and packTrailerLen frame a pack: "PACK", version 2, the number of objects; and a SHA-1 of all before.
const (
	packHeaderLen  = 12
	packTrailerLen = 20
)

// entryHead is what stands before an entry's zlib stream.
type entryHead struct {
	kind    Kind    // KindCommit..KindTag, or a delta
	size    int64   // inflated bytes of the stream: the object, or the delta
	baseOff int64   // OFS delta: offset of the base in the pack
	base    hub.OID // REF delta: id of the base
	len     int     // bytes of the head itself
}

// maxEntryHead is the longest head: ten bytes of kind and size, then twenty of a base's id.
const maxEntryHead = 32

func appendEntryHead(b []byte, kind Kind, size int64) []byte {
	c := byte(kind)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(b, c)
}

// appendOFS writes the distance back to a delta's base.
func appendOFS(b []byte, distance int64) []byte {
	var t [10]byte
	i := len(t) - 1
	t[i] = byte(distance & 0x7f)
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		i--
		t[i] = 0x80 | byte(distance&0x7f)
	}
	return append(b, t[i:]...)
}

// readEntryHead parses the head of the entry at off from b, the bytes found there.
func readEntryHead(b []byte, off int64) (h entryHead, err error) {
	n := 0
	next := func() byte {
		if n >= len(b) {
			err = malformed("pack entry cut short at %d", off)
			return 0
		}
		n++
		return b[n-1]
	}
	c := next()
	h.kind, h.size = Kind(c>>4&7), int64(c&15)
	for shift := 4; c&0x80 != 0 && err == nil; shift += 7 {
		c = next()
		if shift > 53 {
			return h, malformed("pack entry's size at %d", off)
		}
		h.size |= int64(c&0x7f) << shift
	}
	switch {
	case h.kind == kindOFSDelta:
		h.baseOff = off - readOFS(next)
		if h.baseOff < packHeaderLen || h.baseOff >= off {
			return h, malformed("delta base of %d outside the pack", off)
		}
	case h.kind == kindREFDelta:
		if n+20 > len(b) {
			return h, malformed("pack entry cut short at %d", off)
		}
		n += copy(h.base[:], b[n:])
	case !h.kind.Valid():
		return h, malformed("pack entry of type %d at %d", h.kind, off)
	}
	h.len = n
	return h, err
}

func readOFS(next func() byte) int64 {
	c := next()
	d := int64(c & 0x7f)
	for i := 0; c&0x80 != 0 && i < 8; i++ {
		c = next()
		d = (d+1)<<7 | int64(c&0x7f)
	}
	return d
}

// entryHeadAt reads the head of the entry at off; end is where the entries end.
func entryHeadAt(r io.ReaderAt, off, end int64) (entryHead, error) {
	if off < packHeaderLen || off >= end {
		return entryHead{}, malformed("pack offset %d outside the pack", off)
	}
	var buf [maxEntryHead]byte
	b := buf[:min(maxEntryHead, end-off)]
	if n, err := r.ReadAt(b, off); err != nil && (err != io.EOF || n < len(b)) {
		return entryHead{}, err
	}
	return readEntryHead(b, off)
}
