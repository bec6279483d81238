package git

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the pack trailer is SHA-1
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cairnhub/cairn/internal/hub"
)

// PackWriter collects objects for one pack. Entries go to a spool as they come. A pack states its number of objects
// first and ends in a SHA-1 of everything, so Finish writes the header, then copies the spool, hashing what passes:
// one pass over the input, one over the compressed bytes, and no object in memory whole but those given whole.
// Once the spool could not be written, nothing is added and the pack cannot be finished: objects that were taken before
// may be lost. It is not safe for concurrent use.
type PackWriter struct {
	spool *Spool
	objs  []ObjectInfo
	seen  map[hub.OID]int32 // index into objs
	buf   bytes.Buffer
}

// NewPackWriter writes entries to spool, which the caller closes.
func NewPackWriter(spool *Spool) *PackWriter {
	return &PackWriter{spool: spool, seen: map[hub.OID]int32{}}
}

// Len is the number of objects so far.
func (w *PackWriter) Len() int { return len(w.objs) }

// Size is the bytes of the pack so far.
func (w *PackWriter) Size() int64 { return packHeaderLen + w.spool.Size() + packTrailerLen }

// Err is why the spool could not be written; nil: it could. Other errors are of what was to be added.
func (w *PackWriter) Err() error { return w.spool.err }

// Has reports whether the object is in the pack.
func (w *PackWriter) Has(oid hub.OID) bool {
	_, ok := w.seen[oid]
	return ok
}

// Add adds an object whose id the caller has computed with Hash; one that is there already is passed over.
func (w *PackWriter) Add(kind Kind, oid hub.OID, data []byte) error {
	if w.Err() != nil || w.Has(oid) {
		return w.Err()
	}
	w.buf.Reset()
	w.buf.Write(appendEntryHead(w.buf.AvailableBuffer(), kind, int64(len(data))))
	if err := appendDeflated(&w.buf, kind, data); err != nil {
		return err
	}
	o := ObjectInfo{OID: oid, Kind: kind, Size: int64(len(data)), CRC: crc32.ChecksumIEEE(w.buf.Bytes())}
	if kind == KindBlob {
		o.Pointer = pointerIn(data)
	}
	return w.put(o, w.buf.Bytes())
}

func pointerIn(data []byte) *Pointer {
	if !MaybePointer(data, int64(len(data))) {
		return nil
	}
	if p, ok := ParsePointer(data); ok {
		return &p
	}
	return nil
}

func (w *PackWriter) put(o ObjectInfo, packed []byte) error {
	o.Offset = packHeaderLen + w.spool.Size()
	if _, err := w.spool.Write(packed); err != nil {
		return err
	}
	w.note(o)
	return nil
}

func (w *PackWriter) note(o ObjectInfo) {
	w.seen[o.OID] = int32(len(w.objs))
	w.objs = append(w.objs, o)
}

// AddStream adds an object of exactly size bytes from r without holding it in memory. has, when not nil, says that an
// object exists elsewhere and need not be kept.
func (w *PackWriter) AddStream(kind Kind, size int64, r io.Reader, has func(hub.OID) bool) (hub.OID, error) {
	start := w.spool.Size()
	head := appendEntryHead(nil, kind, size)
	crc := crc32.NewIEEE()
	out := io.MultiWriter(w.spool, crc)
	if _, err := out.Write(head); err != nil {
		return hub.OID{}, err
	}
	h := NewHasher(kind, size)
	in := &exactReader{r: r, left: size}
	err := deflate(out, io.TeeReader(in, h))
	if err == nil && in.left > 0 {
		err = fmt.Errorf("%w: content is %d bytes shorter than stated", ErrMalformed, in.left)
	}
	oid := h.OID()
	if err != nil || w.Has(oid) || (has != nil && has(oid)) {
		w.spool.Truncate(start)
		return oid, err
	}
	w.note(ObjectInfo{OID: oid, Kind: kind, Size: size, CRC: crc.Sum32(), Offset: packHeaderLen + start})
	return oid, nil
}

// exactReader fails when there is more than stated.
type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if int64(n) > e.left {
		return 0, fmt.Errorf("%w: content is longer than stated", ErrMalformed)
	}
	e.left -= int64(n)
	return n, err
}

// Copy adds object i of another pack in its packed form; deltas stay deltas. Objects must come in an order in which
// the base of an offset delta comes first: by pack, then by offset. maxDepth is the delta chain that stays acceptable;
// what is deeper is written whole.
func (w *PackWriter) Copy(p *PackReader, i int, maxDepth int) error {
	o := p.cat.At(i)
	if w.Err() != nil || w.Has(o.OID) {
		return w.Err()
	}
	head, packed, err := p.packed(o)
	if err != nil {
		return err
	}
	if !o.Delta {
		return w.put(o, packed)
	}
	baseOID, err := p.baseID(head)
	if err != nil {
		return err
	}
	base, ok := w.seen[baseOID]
	if !ok || w.objs[base].Depth+1 > maxDepth {
		return w.copyWhole(p, i)
	}
	o.Depth, o.refBase = w.objs[base].Depth+1, false
	w.buf.Reset()
	b := appendEntryHead(w.buf.AvailableBuffer(), kindOFSDelta, head.size)
	w.buf.Write(appendOFS(b, packHeaderLen+w.spool.Size()-w.objs[base].Offset))
	w.buf.Write(packed[head.len:])
	o.CRC = crc32.ChecksumIEEE(w.buf.Bytes())
	return w.put(o, w.buf.Bytes())
}

func (w *PackWriter) copyWhole(p *PackReader, i int) error {
	kind, data, err := p.Object(i, MaxWhole)
	if err != nil {
		return err
	}
	return w.Add(kind, p.cat.OID(i), data)
}

// Finish writes the pack to dst and returns its catalog.
func (w *PackWriter) Finish(dst io.Writer) (*Catalog, error) {
	h := sha1.New() //nolint:gosec // see above
	out := io.MultiWriter(dst, h)
	if _, err := out.Write(packHead(len(w.objs))); err != nil {
		return nil, err
	}
	if _, err := w.spool.WriteTo(out); err != nil {
		return nil, err
	}
	var sum hub.OID
	h.Sum(sum[:0])
	if _, err := dst.Write(sum[:]); err != nil {
		return nil, err
	}
	return buildCatalog(w.objs, w.Size(), sum)
}

func packHead(objects int) []byte {
	b := append(make([]byte, 0, packHeaderLen), "PACK\x00\x00\x00\x02"...)
	return binary.BigEndian.AppendUint32(b, uint32(objects))
}
