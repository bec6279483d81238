package git

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cairnhub/cairn/internal/hub"
)

// IndexLimits bound what a pack may cost to index.
type IndexLimits struct {
	Objects int   // number of objects; 0: 50 million
	Object  int64 // bytes of an object that takes part in a delta; 0: MaxWhole
	Memory  int64 // bytes of objects held while deltas are resolved; 0: four times Object
	Total   int64 // bytes inflated and made by deltas altogether; 0: 1 TiB
}

func (l IndexLimits) orDefault() IndexLimits {
	if l.Objects == 0 {
		l.Objects = 50_000_000
	}
	if l.Object == 0 {
		l.Object = MaxWhole
	}
	if l.Memory == 0 {
		l.Memory = 4 * l.Object
	}
	if l.Total == 0 {
		l.Total = 1 << 40
	}
	return l
}

// IndexPack reads a pack that git made and builds its catalog. The pack must be complete: each delta's base is in it.
// It checks the pack's SHA-1, that the entries fill the pack, and each object's stream.
func IndexPack(r io.ReaderAt, size int64, lim IndexLimits) (*Catalog, error) {
	n, sum, err := VerifyPack(r, size)
	if err != nil {
		return nil, err
	}
	x := &indexer{r: r, end: size - packTrailerLen, lim: lim.orDefault()}
	// An entry takes at least nine bytes: one of head and eight of an empty zlib stream.
	if int64(n) > x.end/9+1 {
		return nil, malformed("pack of %d bytes states %d objects", size, n)
	}
	if int(n) > x.lim.Objects {
		return nil, fmt.Errorf("%w: %d objects", ErrLimit, n)
	}
	if err := x.scan(int(n)); err != nil {
		return nil, err
	}
	if err := x.resolveDeltas(); err != nil {
		return nil, err
	}
	return buildCatalog(x.objs, size, sum)
}

type indexer struct {
	r     io.ReaderAt
	end   int64
	lim   IndexLimits
	total int64
	objs  []ObjectInfo
	byOff map[int64][]int32   // base's offset -> deltas
	byOID map[hub.OID][]int32 // base's id -> deltas
	live  int64               // bytes of objects on the stack
	left  int                 // deltas not yet resolved

	offByOID map[hub.OID]int64 // see find
}

// spend counts work, so that a small pack cannot order an unbounded amount of it.
func (x *indexer) spend(n int64) error {
	if x.total += n; x.total > x.lim.Total {
		return fmt.Errorf("%w: pack inflates to more than %d bytes", ErrLimit, x.lim.Total)
	}
	return nil
}

// scan reads the entries one after the other: whole objects get their ids, deltas are noted under their bases.
func (x *indexer) scan(n int) error {
	x.byOff, x.byOID = map[int64][]int32{}, map[hub.OID][]int32{}
	off := int64(packHeaderLen)
	src := &countingReader{}
	for i := 0; i < n; i++ {
		h, err := entryHeadAt(x.r, off, x.end)
		if err != nil {
			return err
		}
		if err := x.spend(h.size); err != nil {
			return err
		}
		start := off + int64(h.len)
		src.reset(io.NewSectionReader(x.r, start, x.end-start))
		o := ObjectInfo{Kind: h.kind, Size: h.size, Offset: off}
		if err := x.scanStream(src.buf, h, &o); err != nil {
			return fmt.Errorf("pack entry at %d: %w", off, err)
		}
		next := start + src.used()
		if o.CRC, err = crcOf(x.r, off, next); err != nil {
			return err
		}
		x.noteEntry(h, o)
		off = next
	}
	if off != x.end {
		return malformed("pack has %d bytes after its last object", x.end-off)
	}
	return nil
}

func (x *indexer) noteEntry(h entryHead, o ObjectInfo) {
	i := int32(len(x.objs))
	switch h.kind {
	case kindOFSDelta:
		x.byOff[h.baseOff] = append(x.byOff[h.baseOff], i)
	case kindREFDelta:
		x.byOID[h.base] = append(x.byOID[h.base], i)
	}
	if h.kind.isDelta() {
		o.Delta, o.refBase = true, h.kind == kindREFDelta
		x.left++
	}
	x.objs = append(x.objs, o)
}

// scanStream inflates an entry to its end: a whole object into its hash, a delta for its length only.
func (x *indexer) scanStream(r io.Reader, h entryHead, o *ObjectInfo) error {
	z, err := inflater(r)
	if err != nil {
		return err
	}
	defer releaseInflater(z)
	if h.kind.isDelta() {
		if h.size > x.lim.Object {
			return fmt.Errorf("%w: delta of %d bytes", ErrLimit, h.size)
		}
		return discardExactly(z, io.Discard, h.size)
	}
	hash := NewHasher(h.kind, h.size)
	var head headBuffer
	if err := discardExactly(z, io.MultiWriter(hash, &head), h.size); err != nil {
		return err
	}
	o.OID = hash.OID()
	if h.kind == KindBlob && h.size <= MaxPointer {
		o.Pointer = pointerIn(head.b)
	}
	return nil
}

func discardExactly(z io.Reader, w io.Writer, size int64) error {
	n, err := io.CopyN(w, z, size)
	if err != nil {
		return malformed("object ends after %d of %d bytes: %v", n, size, err)
	}
	return atEnd(z)
}

// headBuffer keeps the start of what passes: enough for a pointer.
type headBuffer struct{ b []byte }

func (h *headBuffer) Write(p []byte) (int, error) {
	if room := MaxPointer - len(h.b); room > 0 {
		h.b = append(h.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// countingReader tells how many bytes of its source were consumed through buf. The inflater takes single bytes from a
// bufio.Reader and so never reads past its stream.
type countingReader struct {
	src io.Reader
	n   int64
	buf *bufio.Reader
}

func (c *countingReader) reset(src io.Reader) {
	c.src, c.n = src, 0
	if c.buf == nil {
		c.buf = bufio.NewReaderSize(c, 32<<10)
		return
	}
	c.buf.Reset(c)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countingReader) used() int64 { return c.n - int64(c.buf.Buffered()) }

func crcOf(r io.ReaderAt, from, to int64) (uint32, error) {
	h := crc32.NewIEEE()
	_, err := io.Copy(h, io.NewSectionReader(r, from, to-from))
	return h.Sum32(), err
}
