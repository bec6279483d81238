package git

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cairnhub/cairn/internal/hub"
)

// GuardLimits bound what a pack that is still on its way may make its reader do.
type GuardLimits struct {
	Bytes   int64 // of the pack
	Objects int64
	Object  int64 // inflated bytes of one file that is packed whole; it is streamed
	// Bytes of what is held in memory: a commit or a tag, a tree, and an object that takes part in a delta, as the
	// result, as the base or as the delta itself.
	Message, Tree, Delta int64
	Tags                 int64 // number of tags that are packed whole
	// Chain is the bytes that all objects of a delta chain of more than usualDepth may have together: whoever reads the
	// last makes all of them.
	Chain int64
	// Inflated and Result bound the bytes that all streams inflate to, and that all deltas make, together. Each byte of
	// the pack earns Ratio more of the first and DeltaRatio more of the second: honest histories compress well, too.
	Inflated, Ratio    int64
	Result, DeltaRatio int64
}

// PackScan is what one pass over a pack's stream tells of its entries: all that a catalog holds but for ids and CRCs.
type PackScan struct {
	entries  []scanEntry
	bases    []hub.OID // of deltas that name their base by id
	pointers []Pointer
	end      int64 // of the entries in the pack
	lim      GuardLimits
}

// scanEntry is one entry. What a number in base or pointer means depends on the kind.
type scanEntry struct {
	off     int64
	size    int64 // inflated bytes of the object, also of one that a delta makes
	base    int64 // OFS delta: offset of the base; REF delta: number of its id
	pointer int32 // whole blobs: number of the pointer, from 1
	depth   int32 // of deltas, once known
	chain   int64 // bytes of all objects of its chain, once known: what making it costs
	packed  Kind  // as packed
	kind    Kind  // of the object, once known
}

// ScanPack reads one pack from a stream, to its last byte, and refuses with ErrLimit the entry that is too much. It
// checks the frame only: who takes the pack checks the rest.
func ScanPack(r io.Reader, lim GuardLimits) (*PackScan, error) {
	src := &countingReader{}
	src.reset(r)
	g := &packScanner{src: src, scan: &PackScan{lim: lim}}
	var head [packHeaderLen]byte
	if _, err := io.ReadFull(src.buf, head[:]); err != nil {
		return nil, cutShort(err)
	}
	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return nil, malformed("this is no pack of version 2")
	}
	n := int64(binary.BigEndian.Uint32(head[8:]))
	if n > lim.Objects {
		return nil, fmt.Errorf("%w: %d objects", ErrLimit, n)
	}
	if err := g.read(n); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, src.buf, packTrailerLen); err != nil {
		return nil, cutShort(err)
	}
	if _, err := src.buf.ReadByte(); err != io.EOF {
		return nil, malformed("bytes follow the pack")
	}
	return g.scan, nil
}

// scanRest goes on in a pack to which git has appended the bases that it lacked.
func (s *PackScan) scanRest(r io.ReaderAt, end int64, n int64) error {
	if n <= 0 {
		return nil
	}
	src := &countingReader{}
	src.reset(io.NewSectionReader(r, s.end, end-s.end))
	lim := s.lim
	lim.Inflated, lim.Result, lim.Tags = 1<<62, 1<<62, 1<<62 // what the repository has is not the pusher's doing
	lim.Object, lim.Message, lim.Tree, lim.Delta = 1<<62, 1<<62, 1<<62, 1<<62
	return (&packScanner{src: src, start: s.end, scan: s, lim: &lim}).read(n)
}

func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return malformed("the pack is cut short")
	}
	return err
}

type packScanner struct {
	src              *countingReader
	start            int64 // of the source in the pack
	scan             *PackScan
	lim              *GuardLimits
	inflated, result int64
	head             headBuffer
	tags             int64
	large            map[int64]bool // offsets of objects that are too large for the base of a delta
	byID             bool           // a delta has named its base by id, which may be any object
}

func (g *packScanner) at() int64 { return g.start + g.src.used() }

func (g *packScanner) read(n int64) error {
	if g.lim == nil {
		g.lim = &g.scan.lim
	}
	for range n {
		if err := g.entry(); err != nil {
			return err
		}
	}
	g.scan.end = g.at()
	return nil
}

func (g *packScanner) entry() error {
	off := g.at()
	h, err := readEntryHeadFrom(g.src.buf, off)
	if err != nil {
		return err
	}
	if err := g.size(h, off); err != nil {
		return err
	}
	used := g.at()
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
	e := scanEntry{off: off, size: h.size, packed: h.kind, kind: h.kind}
	if err := g.stream(z, h, &e, used); err != nil {
		return err
	}
	g.scan.entries = append(g.scan.entries, e)
	return nil
}

// size compares an entry's stated size with what its kind may have.
func (g *packScanner) size(h entryHead, off int64) error {
	limit := g.lim.Object
	switch h.kind {
	case KindTag:
		if g.tags++; g.tags > g.lim.Tags {
			return fmt.Errorf("%w: more than %d annotated tags", ErrLimit, g.lim.Tags)
		}
		limit = g.lim.Message
	case KindCommit:
		limit = g.lim.Message
	case KindTree:
		limit = g.lim.Tree
	case kindOFSDelta, kindREFDelta:
		limit = g.lim.Delta
	}
	if h.size > limit {
		return tooLarge(h.kind, h.size)
	}
	return g.base(h, off)
}

// base refuses a delta over an object that is too large for it, which git would hold in memory. Which one is meant by an
// id is not known here, so deltas of that form are not taken together with such an object.
func (g *packScanner) base(h entryHead, off int64) error {
	g.byID = g.byID || h.kind == kindREFDelta
	if h.kind.Valid() && h.size > g.lim.Delta {
		if g.large == nil {
			g.large = map[int64]bool{}
		}
		g.large[off] = true
	}
	if g.byID && g.large != nil || h.kind == kindOFSDelta && g.large[h.baseOff] {
		return fmt.Errorf("%w: a delta over an object of more than %d bytes", ErrLimit, g.lim.Delta)
	}
	return nil
}

func tooLarge(kind Kind, size int64) error {
	what := "an object"
	switch kind {
	case KindCommit, KindTag:
		what = "a " + kind.String()
	case KindTree:
		what = "a folder's list"
	}
	return fmt.Errorf("%w: %s of %d bytes", ErrLimit, what, size)
}

// stream inflates an entry to its end.
func (g *packScanner) stream(z io.Reader, h entryHead, e *scanEntry, used int64) error {
	switch {
	case h.kind.isDelta():
		left, result, err := g.deltaSizes(z, h.size, used)
		if err != nil {
			return err
		}
		e.size, e.base = result, h.baseOff
		if h.kind == kindREFDelta {
			e.base = int64(len(g.scan.bases))
			g.scan.bases = append(g.scan.bases, h.base)
		}
		return discardExactly(z, io.Discard, left)
	case h.kind == KindBlob && h.size <= MaxPointer:
		g.head.b = g.head.b[:0]
		if err := discardExactly(z, &g.head, h.size); err != nil {
			return err
		}
		e.pointer = g.scan.pointer(g.head.b)
		return nil
	}
	return discardExactly(z, io.Discard, h.size)
}

// pointer is the number under which a small blob's pointer is kept, 0 when it is none.
func (s *PackScan) pointer(blob []byte) int32 {
	p := pointerIn(blob)
	if p == nil {
		return 0
	}
	s.pointers = append(s.pointers, *p)
	return int32(len(s.pointers))
}

// deltaSizes reads the two sizes at the start of a delta and counts the second, that of the object it makes.
func (g *packScanner) deltaSizes(z io.Reader, size, used int64) (left, result int64, err error) {
	for range 2 {
		result = 0
		for shift := 0; ; shift += 7 {
			var b [1]byte
			if _, err := io.ReadFull(z, b[:]); err != nil {
				return 0, 0, cutShort(err)
			}
			if size--; size < 0 || shift > 53 {
				return 0, 0, malformed("delta's sizes")
			}
			result |= int64(b[0]&0x7f) << shift
			if b[0]&0x80 == 0 {
				break
			}
		}
		if result > g.lim.Delta {
			return 0, 0, tooLarge(kindOFSDelta, result)
		}
	}
	if g.result += result; g.result > g.lim.Result+used*g.lim.DeltaRatio {
		return 0, 0, fmt.Errorf("%w: the pack's deltas make more than %d bytes", ErrLimit, g.result-result)
	}
	return size, result, nil
}

// readEntryHeadFrom reads the head of the entry at off from a stream.
func readEntryHeadFrom(r *bufio.Reader, off int64) (h entryHead, err error) {
	b, err := r.Peek(maxEntryHead)
	if len(b) == 0 {
		return h, cutShort(err)
	}
	if h, err = readEntryHead(b, off); err != nil {
		return h, err
	}
	_, err = r.Discard(h.len)
	return h, err
}
