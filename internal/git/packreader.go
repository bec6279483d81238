package git

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // the pack trailer is SHA-1
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/hub"
)

// MaxWhole is the size in bytes up to which Cairn resolves deltas in memory; whole objects of any size are streamed.
const MaxWhole = 64 << 20

// maxDepth is the longest delta chain that is followed, git's own bound (pack.depth).
const maxDepth = 4096

// PackReader reads the objects of one pack. It is safe for concurrent use when its io.ReaderAt is.
type PackReader struct {
	r   io.ReaderAt
	cat *Catalog
	off func() *offsets
	x   resolver

	checked bool
	whole   func() error // nil: it was compared with its SHA-1 before
}

// NewPackReader reads a pack that the catalog describes.
func NewPackReader(r io.ReaderAt, c *Catalog) *PackReader {
	p := &PackReader{r: r, cat: c, off: sync.OnceValue(func() *offsets { return sortedOffsets(c) })}
	p.x = resolver{r: r, end: p.end(), find: p.offsetOf}
	return p
}

// Checked is for who reads much of a pack along its history after git has checked it on this machine: objects are not
// hashed again, and those that deltas were applied to are kept, for otherwise each object's whole chain is made again.
func (p *PackReader) Checked() *PackReader {
	p.x.keepBases(deltaBases)
	p.checked = true
	return p
}

// ShareBases is KeepBases with a store that other packs use as well: walks over a history read neighbours in delta chains.
// What the reader gives must then not be changed.
func (p *PackReader) ShareBases(b *Bases) *PackReader {
	p.x.pack, p.x.bases = p.cat.PackHash(), b
	return p
}

// LimitWork bounds the bytes that are inflated and made by deltas altogether; after that every read says ErrLimit.
func (p *PackReader) LimitWork(bytes int64) *PackReader {
	p.x.work = &atomic.Int64{}
	p.x.work.Store(bytes)
	return p
}

// Unchecked is for packs that nobody has compared with their SHA-1: Stream then gives no byte that was not hashed before.
// It is compared once, so its bytes must be in memory.
func (p *PackReader) Unchecked() *PackReader {
	p.whole = sync.OnceValue(func() error {
		_, sum, err := VerifyPack(p.r, p.cat.PackSize())
		if err == nil && sum != p.cat.PackHash() {
			err = malformed("the bytes of another pack, %s", sum)
		}
		return err
	})
	return p
}

// deltaBases is how many bytes of objects Checked holds.
const deltaBases = 24 << 20

// Catalog is the pack's catalog.
func (p *PackReader) Catalog() *Catalog { return p.cat }

func (p *PackReader) end() int64 { return p.cat.PackSize() - packTrailerLen }

// Object is the kind and the bytes of object i, which may have up to limit bytes, and so may each object of its delta
// chain. The bytes are checked against the object's id.
func (p *PackReader) Object(i int, limit int64) (Kind, []byte, error) {
	if size := p.cat.Size(i); size > limit {
		return 0, nil, fmt.Errorf("%w: %s has %d bytes", ErrLimit, p.cat.OID(i), size)
	}
	kind, data, err := p.x.resolve(p.cat.offset(i), limit)
	if err != nil {
		return 0, nil, fmt.Errorf("object %s: %w", p.cat.OID(i), err)
	}
	if p.checked {
		return kind, data, nil
	}
	if oid := Hash(kind, data); oid != p.cat.OID(i) {
		return 0, nil, malformed("object %s has the bytes of %s", p.cat.OID(i), oid)
	}
	return kind, data, nil
}

func (p *PackReader) offsetOf(oid hub.OID) (int64, bool) {
	i, ok := p.cat.Find(oid)
	if !ok {
		return 0, false
	}
	return p.cat.offset(i), true
}

// inflateAt is the inflated stream of the entry at off.
func inflateAt(r io.ReaderAt, off, end, limit int64) ([]byte, error) {
	h, err := entryHeadAt(r, off, end)
	if err != nil {
		return nil, err
	}
	if h.size > limit {
		return nil, fmt.Errorf("%w: %d bytes", ErrLimit, h.size)
	}
	b := borrowBuffer(io.NewSectionReader(r, off+int64(h.len), end-off-int64(h.len)))
	defer buffers.Put(b)
	return inflate(b, h.size)
}

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 8<<10) }}

func borrowBuffer(r io.Reader) *bufio.Reader {
	b := buffers.Get().(*bufio.Reader)
	b.Reset(r)
	return b
}

// Stream reads object i without holding it in memory when it is packed whole; a delta is resolved up to limit bytes.
// What is packed is compared with its CRC first. The last Read before io.EOF checks the object's id.
func (p *PackReader) Stream(i int, limit int64) (io.ReadCloser, error) {
	o := p.cat.At(i)
	if o.Delta || o.Size <= 64<<10 {
		_, data, err := p.Object(i, max(limit, 64<<10))
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	if p.whole != nil {
		if err := p.whole(); err != nil {
			return nil, err
		}
	}
	if err := p.soundEntry(o); err != nil {
		return nil, err
	}
	h, err := entryHeadAt(p.r, o.Offset, p.end())
	if err != nil {
		return nil, err
	}
	start := o.Offset + int64(h.len)
	b := borrowBuffer(io.NewSectionReader(p.r, start, p.end()-start))
	z, err := inflater(b)
	if err != nil {
		buffers.Put(b)
		return nil, err
	}
	return &objectStream{z: z, b: b, left: o.Size, want: o.OID, hash: NewHasher(o.Kind, o.Size)}, nil
}

// soundEntry compares what is packed of an object with the catalog, so that who reads a part of a stream gets no byte that
// has rotted since the pack was opened: the id is known at the end only.
func (p *PackReader) soundEntry(o ObjectInfo) error {
	if p.checked || p.whole != nil {
		return nil // it is in memory, or on its way
	}
	end, err := p.entryEnd(o)
	if err != nil {
		return err
	}
	crc, err := crcOf(p.r, o.Offset, end)
	if err == nil && crc != o.CRC {
		err = malformed("object %s is packed otherwise", o.OID)
	}
	return err
}

type objectStream struct {
	z    io.ReadCloser
	b    *bufio.Reader
	left int64
	want hub.OID
	hash *Hasher
}

func (s *objectStream) Read(p []byte) (int, error) {
	if s.z == nil {
		return 0, io.ErrClosedPipe
	}
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.z.Read(p[:min(int64(len(p)), s.left)])
	_, _ = s.hash.Write(p[:n])
	if s.left -= int64(n); s.left > 0 {
		if err == io.EOF {
			err = malformed("object %s ends early", s.want)
		}
		return n, err
	}
	if err != nil && err != io.EOF {
		return n, err
	}
	if err == nil {
		if err := atEnd(s.z); err != nil {
			return 0, err
		}
	}
	if oid := s.hash.OID(); oid != s.want {
		return 0, malformed("object %s has the bytes of %s", s.want, oid)
	}
	return n, nil
}

func (s *objectStream) Close() error {
	if s.z != nil {
		releaseInflater(s.z)
		buffers.Put(s.b)
		s.z, s.b = nil, nil
	}
	return nil
}

// offsets are a pack's entries in the order in which they lie.
type offsets struct {
	off []int64
	idx []int32
}

func sortedOffsets(c *Catalog) *offsets {
	o := &offsets{off: make([]int64, c.n), idx: make([]int32, c.n)}
	for i := range o.idx {
		o.idx[i] = int32(i)
	}
	sort.Slice(o.idx, func(a, b int) bool { return c.offset(int(o.idx[a])) < c.offset(int(o.idx[b])) })
	for k, i := range o.idx {
		o.off[k] = c.offset(int(i))
	}
	return o
}

// ByOffset calls fn with the index of each object in the order in which they lie in the pack.
func (p *PackReader) ByOffset(fn func(i int) error) error {
	for _, i := range p.off().idx {
		if err := fn(int(i)); err != nil {
			return err
		}
	}
	return nil
}

// packed is an entry's head and all its bytes, checked against the catalog's CRC.
func (p *PackReader) packed(o ObjectInfo) (entryHead, []byte, error) {
	end, err := p.entryEnd(o)
	if err != nil {
		return entryHead{}, nil, err
	}
	b := make([]byte, end-o.Offset)
	if _, err := p.r.ReadAt(b, o.Offset); err != nil && err != io.EOF {
		return entryHead{}, nil, err
	}
	if crc32.ChecksumIEEE(b) != o.CRC {
		return entryHead{}, nil, malformed("CRC of %s in the pack", o.OID)
	}
	h, err := readEntryHead(b[:min(len(b), maxEntryHead)], o.Offset)
	return h, b, err
}

// entryEnd is where the entry of an object ends.
func (p *PackReader) entryEnd(o ObjectInfo) (int64, error) {
	offs := p.off()
	k := sort.Search(len(offs.off), func(k int) bool { return offs.off[k] > o.Offset })
	end := p.end()
	if k < len(offs.off) {
		end = offs.off[k]
	}
	if o.Offset < packHeaderLen || end > p.end() || end <= o.Offset {
		return 0, malformed("catalog offset of %s", o.OID)
	}
	return end, nil
}

func (p *PackReader) baseID(h entryHead) (hub.OID, error) {
	if h.kind == kindREFDelta {
		return h.base, nil
	}
	offs := p.off()
	k := sort.Search(len(offs.off), func(k int) bool { return offs.off[k] >= h.baseOff })
	if k == len(offs.off) || offs.off[k] != h.baseOff {
		return hub.OID{}, malformed("delta base at %d is no entry", h.baseOff)
	}
	return p.cat.OID(int(offs.idx[k])), nil
}

// VerifyPack reads a pack of size bytes and checks its header and its SHA-1; it returns the number of objects that the
// header states, and the trailer.
func VerifyPack(r io.ReaderAt, size int64) (objects uint32, sum hub.OID, err error) {
	if size < packHeaderLen+packTrailerLen {
		return 0, sum, malformed("pack of %d bytes", size)
	}
	var head [packHeaderLen]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return 0, sum, err
	}
	if v := binary.BigEndian.Uint32(head[4:]); string(head[:4]) != "PACK" || (v != 2 && v != 3) {
		return 0, sum, malformed("pack header")
	}
	h := sha1.New() //nolint:gosec // see above
	if _, err := io.CopyBuffer(onlyWriter{h}, io.NewSectionReader(r, 0, size-packTrailerLen), make([]byte, 256<<10)); err != nil {
		return 0, sum, err
	}
	if _, err := r.ReadAt(sum[:], size-packTrailerLen); err != nil && err != io.EOF {
		return 0, sum, err
	}
	if !bytes.Equal(h.Sum(nil), sum[:]) {
		return 0, sum, malformed("pack checksum")
	}
	return binary.BigEndian.Uint32(head[8:]), sum, nil
}

// WritePack writes the whole pack.
func (p *PackReader) WritePack(w io.Writer) error {
	_, err := io.Copy(w, io.NewSectionReader(p.r, 0, p.cat.PackSize()))
	return err
}
