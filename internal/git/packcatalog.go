package git

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/hub"
)

// Catalog makes the catalog of a pack of size bytes that was scanned on its way and that git has taken in since: idx is
// the index that git wrote of it (.idx version 2, gitformat-pack(5)), after it had checked all of the pack. Nothing is
// hashed again, and only small blobs that are deltas are made, for they may be pointers.
func (s *PackScan) Catalog(pack io.ReaderAt, size int64, idx []byte) (*Catalog, error) {
	n, sum, err := packFrame(pack, size)
	if err != nil {
		return nil, err
	}
	if n < int64(len(s.entries)) {
		return nil, malformed("pack of %d objects that had %d", n, len(s.entries))
	}
	if err := s.scanRest(pack, size-packTrailerLen, n-int64(len(s.entries))); err != nil {
		return nil, err
	}
	if s.end != size-packTrailerLen {
		return nil, malformed("pack has %d bytes after its last object", size-packTrailerLen-s.end)
	}
	objs, err := parseIdx(idx, sum)
	if err != nil {
		return nil, err
	}
	j, err := s.join(objs)
	if err != nil {
		return nil, err
	}
	if err := j.resolveKinds(); err != nil {
		return nil, err
	}
	if err := j.smallDeltas(pack, size); errors.Is(err, ErrLimit) {
		return IndexPack(pack, size, IndexLimits{Object: s.lim.Delta, Memory: 2 * s.lim.Delta}) // each base once
	} else if err != nil {
		return nil, err
	}
	return buildCatalog(objs, size, sum)
}

// packFrame reads a pack's number of objects and its trailer.
func packFrame(pack io.ReaderAt, size int64) (n int64, sum hub.OID, err error) {
	if size < packHeaderLen+packTrailerLen {
		return 0, sum, malformed("pack of %d bytes", size)
	}
	var head [packHeaderLen]byte
	if _, err := pack.ReadAt(head[:], 0); err != nil {
		return 0, sum, err
	}
	if _, err := pack.ReadAt(sum[:], size-packTrailerLen); err != nil && err != io.EOF {
		return 0, sum, err
	}
	return int64(binary.BigEndian.Uint32(head[8:])), sum, nil
}

// parseIdx reads ids, CRCs and offsets, in the order of the ids.
func parseIdx(idx []byte, sum hub.OID) ([]ObjectInfo, error) {
	const head = 8 + 256*4
	if len(idx) < head+40 || string(idx[:8]) != "\xfftOc\x00\x00\x00\x02" {
		return nil, malformed("index header")
	}
	n := int(binary.BigEndian.Uint32(idx[head-4:]))
	if len(idx) < head+n*28+40 || !bytes.Equal(idx[len(idx)-40:len(idx)-20], sum[:]) {
		return nil, malformed("index of another pack")
	}
	ids, crcs, offs, large := idx[head:], idx[head+n*20:], idx[head+n*24:], idx[head+n*28:len(idx)-40]
	objs := make([]ObjectInfo, n)
	for i := range objs {
		off := int64(binary.BigEndian.Uint32(offs[4*i:]))
		if off >= 1<<31 {
			k := int(off&(1<<31-1)) * 8
			if k+8 > len(large) {
				return nil, malformed("index of %d large offsets", len(large)/8)
			}
			off = int64(binary.BigEndian.Uint64(large[k:]))
		}
		objs[i] = ObjectInfo{OID: hub.OID(ids[20*i : 20*i+20]), CRC: binary.BigEndian.Uint32(crcs[4*i:]), Offset: off}
	}
	return objs, nil
}

// packJoin knows each object of a pack by its place in the pack and by its place in the index.
type packJoin struct {
	scan  *PackScan
	objs  []ObjectInfo // by id
	place []int32      // of an object among the entries
	at    []int32      // of an entry among the objects
}

// join matches what was scanned with what git says of it.
func (s *PackScan) join(objs []ObjectInfo) (*packJoin, error) {
	j := &packJoin{s, objs, make([]int32, len(objs)), make([]int32, len(objs))}
	for i := range j.at {
		j.at[i] = int32(i)
	}
	slices.SortFunc(j.at, func(a, b int32) int { return cmp.Compare(objs[a].Offset, objs[b].Offset) })
	if len(objs) != len(s.entries) {
		return nil, malformed("index of %d objects for a pack of %d", len(objs), len(s.entries))
	}
	for k, i := range j.at {
		if objs[i].Offset != s.entries[k].off {
			return nil, malformed("index of another pack: no object at %d", objs[i].Offset)
		}
		j.place[i] = int32(k)
	}
	return j, nil
}

// base is the entry on which a delta stands.
func (j *packJoin) base(e *scanEntry) (int, error) {
	if e.packed == kindREFDelta {
		oid := j.scan.bases[e.base]
		if i, ok := j.find(oid); ok {
			return int(j.place[i]), nil
		}
		return 0, malformed("delta base %s is not in the pack", oid)
	}
	k, ok := slices.BinarySearchFunc(j.scan.entries, e.base, func(e scanEntry, off int64) int { return cmp.Compare(e.off, off) })
	if !ok {
		return 0, malformed("delta base at %d is no entry", e.base)
	}
	return k, nil
}

func (j *packJoin) find(oid hub.OID) (int, bool) {
	return slices.BinarySearchFunc(j.objs, oid, func(o ObjectInfo, oid hub.OID) int { return bytes.Compare(o.OID[:], oid[:]) })
}

// resolveKinds tells what each object is: a delta is what its base is.
func (j *packJoin) resolveKinds() error {
	entries := j.scan.entries
	var chain []int
	for k := range entries {
		chain = chain[:0]
		at := k
		for entries[at].kind.isDelta() {
			if chain = append(chain, at); len(chain) > maxDepth {
				return malformed("delta chain longer than %d", maxDepth)
			}
			var err error
			if at, err = j.base(&entries[at]); err != nil {
				return err
			}
		}
		for i := len(chain) - 1; i >= 0; i-- {
			e := &entries[chain[i]]
			e.kind, e.depth, e.chain = entries[at].kind, entries[at].depth+1, entries[at].length()+e.size
			at = chain[i]
		}
		if err := j.tooDeep(&entries[k]); err != nil {
			return err
		}
		j.fill(k)
	}
	return nil
}

// length is the bytes of an entry's chain, its own among them.
func (e *scanEntry) length() int64 {
	if e.packed.isDelta() {
		return e.chain
	}
	return e.size
}

// usualDepth is how deep git nests deltas unless it is told otherwise (pack.depth).
const usualDepth = 50

func (j *packJoin) tooDeep(e *scanEntry) error {
	switch {
	case e.depth > maxDepth:
		return malformed("delta chain longer than %d", maxDepth)
	case e.depth > usualDepth && e.chain > j.scan.lim.Chain:
		return fmt.Errorf("%w: a chain of %d deltas that makes %d bytes; run git repack -adf --depth=%d", ErrLimit, e.depth, e.chain, usualDepth)
	}
	return nil
}

// fill hands to an object what its entry tells.
func (j *packJoin) fill(k int) {
	e, o := &j.scan.entries[k], &j.objs[j.at[k]]
	o.Kind, o.Size, o.Depth = e.kind, e.size, int(e.depth)
	o.Delta, o.refBase = e.packed.isDelta(), e.packed == kindREFDelta
	if e.pointer > 0 {
		o.Pointer = &j.scan.pointers[e.pointer-1]
	}
}

// smallDeltas makes the blobs that may be pointers but are packed as deltas, in the order in which they lie.
func (j *packJoin) smallDeltas(pack io.ReaderAt, size int64) error {
	x := &resolver{r: pack, end: size - packTrailerLen, find: func(oid hub.OID) (int64, bool) {
		i, ok := j.find(oid)
		if !ok {
			return 0, false
		}
		return j.objs[i].Offset, true
	}}
	x.keepBases(deltaBases)
	x.work = &atomic.Int64{}
	x.work.Store(64<<20 + 4*size)
	for _, i := range j.at {
		o := &j.objs[i]
		if !o.Delta || o.Kind != KindBlob || o.Size > MaxPointer {
			continue
		}
		_, data, err := x.resolve(o.Offset, MaxWhole)
		if err != nil {
			return err
		}
		o.Pointer = pointerIn(data)
	}
	return nil
}
