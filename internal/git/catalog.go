package git

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sort"

	"github.com/cairnhub/cairn/internal/hub"
)

// A catalog is Cairn's index of one pack. It says of each object what listing and copying need, so that neither
// inflates anything. Layout, little-endian:
//
//	0   "CRNC"  1 version  3 zero  4 objects n  4 pointers p  8 bytes of the pack  20 the pack's SHA-1
//	44  n ids of 20 bytes, sorted
//	    n records of 28: 8 offset, 8 inflated size, 4 CRC-32 of the packed bytes, 4 pointer number (0: none),
//	      1 kind, 1 packed kind (6, 7: delta), 2 delta depth
//	    p pointers of 40: 32 SHA-256, 8 size
//	    4 CRC-32C of all before
const (
	catalogHead    = 44
	catalogRecord  = 28
	catalogPointer = 40
	catalogVersion = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Catalog is the index of one pack, immutable and safe for concurrent use.
type Catalog struct {
	raw    []byte
	n      int
	fanout []uint32 // of large catalogs: first index whose id's first byte is greater than i
}

// ObjectInfo is what a catalog knows of an object.
type ObjectInfo struct {
	OID     hub.OID
	Kind    Kind
	Size    int64  // inflated bytes
	Offset  int64  // of its entry in the pack
	CRC     uint32 // IEEE CRC-32 of the entry's bytes in the pack
	Delta   bool   // packed as a delta
	Depth   int    // length of the delta chain, 0 when whole
	Pointer *Pointer
	refBase bool // the delta names its base by id
}

// ParseCatalog checks a catalog's frame and checksum and keeps raw.
func ParseCatalog(raw []byte) (*Catalog, error) {
	if len(raw) < catalogHead+4 || string(raw[:4]) != "CRNC" || raw[4] != catalogVersion {
		return nil, malformed("catalog header")
	}
	n := int64(binary.LittleEndian.Uint32(raw[8:]))
	p := int64(binary.LittleEndian.Uint32(raw[12:]))
	if int64(len(raw)) != catalogHead+n*(20+catalogRecord)+p*catalogPointer+4 {
		return nil, malformed("catalog of %d bytes for %d objects", len(raw), n)
	}
	end := len(raw) - 4
	if crc32.Checksum(raw[:end], castagnoli) != binary.LittleEndian.Uint32(raw[end:]) {
		return nil, malformed("catalog checksum")
	}
	c := &Catalog{raw: raw, n: int(n)}
	if n >= 512 {
		c.fanout = make([]uint32, 256)
		for b := range c.fanout {
			c.fanout[b] = uint32(sort.Search(c.n, func(i int) bool { return int(c.id(i)[0]) > b }))
		}
	}
	return c, nil
}

// Len is the number of objects.
func (c *Catalog) Len() int { return c.n }

// Bytes is the catalog's stored form; do not change it.
func (c *Catalog) Bytes() []byte { return c.raw }

// PackSize is the bytes of the pack.
func (c *Catalog) PackSize() int64 { return int64(binary.LittleEndian.Uint64(c.raw[16:])) }

// PackHash is the pack's trailer.
func (c *Catalog) PackHash() hub.OID { return hub.OID(c.raw[24:44]) }

func (c *Catalog) id(i int) []byte {
	p := catalogHead + 20*i
	return c.raw[p : p+20]
}

// OID is the id of object i; ids ascend.
func (c *Catalog) OID(i int) hub.OID { return hub.OID(c.id(i)) }

// Find is the index of an object. Comparing ids as numbers of their first 8 bytes makes a miss, the common case when a
// repository has several packs, twice as fast.
func (c *Catalog) Find(oid hub.OID) (int, bool) {
	key := binary.BigEndian.Uint64(oid[:])
	lo, hi := c.bounds(oid[0])
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		id := c.id(mid)
		v := binary.BigEndian.Uint64(id)
		switch {
		case v < key, v == key && bytes.Compare(id, oid[:]) < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, lo < c.n && bytes.Equal(c.id(lo), oid[:])
}

// bounds are the indexes between which ids with the first byte lie.
func (c *Catalog) bounds(first byte) (lo, hi int) {
	if c.fanout == nil {
		return 0, c.n
	}
	if first > 0 {
		lo = int(c.fanout[first-1])
	}
	return lo, int(c.fanout[first])
}

// seek is the index of the first id that is not less than the prefix.
func (c *Catalog) seek(prefix []byte) int {
	lo, hi := 0, c.n
	if len(prefix) > 0 {
		lo, hi = c.bounds(prefix[0])
	}
	return lo + sort.Search(hi-lo, func(i int) bool { return bytes.Compare(c.id(lo+i), prefix) >= 0 })
}

// Prefix calls fn with the index of each object whose id starts with the hex digits, until fn returns false.
func (c *Catalog) Prefix(hex string, fn func(i int) bool) {
	var p []byte
	for i := 0; i+1 < len(hex); i += 2 {
		p = append(p, unhex(hex[i])<<4|unhex(hex[i+1]))
	}
	for i := c.seek(p); i < c.n; i++ {
		if s := c.OID(i).String(); len(hex) > len(s) || s[:len(hex)] < hex {
			continue
		} else if s[:len(hex)] > hex || !fn(i) {
			return
		}
	}
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func (c *Catalog) record(i int) []byte {
	p := catalogHead + 20*c.n + catalogRecord*i
	return c.raw[p : p+catalogRecord]
}

// Kind is the kind of object i.
func (c *Catalog) Kind(i int) Kind { return Kind(c.record(i)[24]) }

// Size is the inflated bytes of object i.
func (c *Catalog) Size(i int) int64 { return int64(binary.LittleEndian.Uint64(c.record(i)[8:])) }

func (c *Catalog) offset(i int) int64 { return int64(binary.LittleEndian.Uint64(c.record(i))) }

// Pointer is the LFS pointer that object i is, or nil.
func (c *Catalog) Pointer(i int) *Pointer {
	k := int(binary.LittleEndian.Uint32(c.record(i)[20:]))
	p := catalogHead + (20+catalogRecord)*c.n + catalogPointer*(k-1)
	if k == 0 || p+catalogPointer > len(c.raw)-4 {
		return nil
	}
	return &Pointer{
		SHA256: hub.SHA256(c.raw[p : p+32]),
		Size:   int64(binary.LittleEndian.Uint64(c.raw[p+32:])),
	}
}

// At is all that is known of object i.
func (c *Catalog) At(i int) ObjectInfo {
	r := c.record(i)
	return ObjectInfo{
		OID:     c.OID(i),
		Kind:    Kind(r[24]),
		Size:    c.Size(i),
		Offset:  c.offset(i),
		CRC:     binary.LittleEndian.Uint32(r[16:]),
		Delta:   Kind(r[25]).isDelta(),
		Depth:   int(binary.LittleEndian.Uint16(r[26:])),
		Pointer: c.Pointer(i),
		refBase: Kind(r[25]) == kindREFDelta,
	}
}

// buildCatalog sorts the objects and lays them out.
func buildCatalog(objs []ObjectInfo, packSize int64, packHash hub.OID) (*Catalog, error) {
	slices.SortFunc(objs, func(a, b ObjectInfo) int { return bytes.Compare(a.OID[:], b.OID[:]) })
	var pointers int
	for i := range objs {
		if objs[i].Pointer != nil {
			pointers++
		}
		if i > 0 && objs[i].OID == objs[i-1].OID {
			return nil, malformed("object %s twice in one pack", objs[i].OID)
		}
	}
	raw := make([]byte, 0, catalogHead+len(objs)*(20+catalogRecord)+pointers*catalogPointer+4)
	raw = append(raw, "CRNC\x01\x00\x00\x00"...)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(objs)))
	raw = binary.LittleEndian.AppendUint32(raw, uint32(pointers))
	raw = binary.LittleEndian.AppendUint64(raw, uint64(packSize))
	raw = append(raw, packHash[:]...)
	for i := range objs {
		raw = append(raw, objs[i].OID[:]...)
	}
	raw = appendRecords(raw, objs)
	for i := range objs {
		if p := objs[i].Pointer; p != nil {
			raw = append(raw, p.SHA256[:]...)
			raw = binary.LittleEndian.AppendUint64(raw, uint64(p.Size))
		}
	}
	raw = binary.LittleEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return ParseCatalog(raw)
}

func appendRecords(raw []byte, objs []ObjectInfo) []byte {
	var pointers uint32
	for i := range objs {
		o := &objs[i]
		var pointer uint32
		if o.Pointer != nil {
			pointers++
			pointer = pointers
		}
		packed := o.Kind
		if o.Delta {
			packed = kindOFSDelta
			if o.refBase {
				packed = kindREFDelta
			}
		}
		raw = binary.LittleEndian.AppendUint64(raw, uint64(o.Offset))
		raw = binary.LittleEndian.AppendUint64(raw, uint64(o.Size))
		raw = binary.LittleEndian.AppendUint32(raw, o.CRC)
		raw = binary.LittleEndian.AppendUint32(raw, pointer)
		raw = append(raw, byte(o.Kind), byte(packed))
		raw = binary.LittleEndian.AppendUint16(raw, uint16(min(o.Depth, 1<<16-1)))
	}
	return raw
}
