package xet

import (
	"encoding/binary"
	"hash/crc32"
)

// Index is what is known of a stored xorb without reading its chunks: enough to verify shards, plan reconstructions and check
// every chunk that is read. It must not leave the server: chunk hashes prove possession of the chunks.
type Index struct {
	Hash   Hash
	Chunks []ChunkInfo
}

// ChunkInfo is one chunk of a stored xorb.
type ChunkInfo struct {
	Hash    Hash
	PhysEnd uint32 // offset in the stored body of the byte after this chunk, headers counted
	RawEnd  uint32 // the same in uncompressed bytes
	CRC     uint32 // CRC32C of the stored payload, without its header
	Scheme  Scheme // how the payload is stored; with the lengths it fixes all 8 bytes of the header
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NumChunks is the number of chunks.
func (x *Index) NumChunks() int { return len(x.Chunks) }

// BodyLen is the length in bytes of the stored chunks with their headers, which is where the trailer begins.
func (x *Index) BodyLen() int64 { return x.physEnd(len(x.Chunks)) }

// PhysRange returns where in the stored body the chunks [start, end) lie, headers included.
// As for a slice, 0 <= start <= end <= NumChunks must hold, else it panics; so with RawLen and RangeHash.
func (x *Index) PhysRange(start, end int) (off, n int64) {
	off = x.physEnd(start)
	return off, x.physEnd(end) - off
}

// RawLen is the number of uncompressed bytes in the chunks [start, end).
func (x *Index) RawLen(start, end int) uint64 { return x.rawEnd(end) - x.rawEnd(start) }

// RangeHash is the verification hash of the chunks [start, end).
func (x *Index) RangeHash(start, end int) Hash {
	k := rangeHashers.get()
	for i := start; i < end; i++ {
		_, _ = k.b3.Write(x.Chunks[i].Hash[:])
	}
	h := k.sum()
	rangeHashers.put(k)
	return h
}

// CheckHash recomputes the xorb's hash from its chunks: for scrubbing, as it costs milliseconds. It fails with [ErrCorrupt].
func (x *Index) CheckHash() error {
	var m Merkle
	for i := range x.Chunks {
		m.Add(Leaf{x.Chunks[i].Hash, x.RawLen(i, i+1)})
	}
	if m.XorbHash() != x.Hash {
		return corruptErrorf("chunk list does not hash to its xorb")
	}
	return nil
}

// physEnd is where the first n chunks end in the body.
func (x *Index) physEnd(n int) int64 {
	if n == 0 {
		return 0
	}
	return int64(x.Chunks[n-1].PhysEnd)
}

func (x *Index) rawEnd(n int) uint64 {
	if n == 0 {
		return 0
	}
	return uint64(x.Chunks[n-1].RawEnd)
}

// header is the header that chunk i has in the body.
func (x *Index) header(i int) chunkHeader {
	_, n := x.PhysRange(i, i+1)
	return chunkHeader{scheme: x.Chunks[i].Scheme, payload: int(n) - chunkHeaderSize, raw: int(x.RawLen(i, i+1))}
}

// The trailer keeps the index behind the chunks in the same blob, so that one object is all there is to a xorb. It is our own
// format: the protocol's footer has no checksums, and nobody outside reads ours.
//
//	 0  8    magic
//	 8  4    version, 1
//	12  4    n, number of chunks
//	16  32   xorb hash
//	48  8    length of the body before the trailer
//	56  44n  per chunk: hash 32, physical end 4 (its two top bits are the scheme), raw end 4, CRC32C 4
//	 +  4    CRC32C of all of the above
//	 +  4    length of the trailer, these bytes included
const (
	trailerMagic   = "cairnxb\x01"
	trailerVersion = 1
	trailerHead    = 56
	trailerEntry   = HashSize + 12
	trailerFoot    = 8
	schemeShift    = 30 // a body ends far below 2^30

	// TrailerLenSize is how many bytes at the end of a blob [TrailerLen] needs.
	TrailerLenSize = 4
	// MaxTrailer is the length of the longest trailer: reading this much from the end of a blob always suffices.
	MaxTrailer = trailerHead + MaxXorbChunks*trailerEntry + trailerFoot
)

// TrailerLen reads the length of a blob's trailer from the end of the blob (at least [TrailerLenSize] bytes of it).
// A length that no trailer has is [ErrCorrupt].
func TrailerLen(tail []byte) (int, error) {
	if len(tail) < TrailerLenSize {
		return 0, corruptErrorf("blob is too short for a trailer")
	}
	n := binary.LittleEndian.Uint32(tail[len(tail)-TrailerLenSize:])
	entries := int64(n) - trailerHead - trailerFoot
	if entries <= 0 || entries%trailerEntry != 0 || n > MaxTrailer {
		return 0, corruptErrorf("trailer length %d", n)
	}
	return int(n), nil
}

// AppendTrailer appends the trailer that belongs behind the body of the xorb.
func (x *Index) AppendTrailer(dst []byte) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = append(dst, trailerMagic...)
	dst = le.AppendUint32(dst, trailerVersion)
	dst = le.AppendUint32(dst, uint32(len(x.Chunks)))
	dst = append(dst, x.Hash[:]...)
	dst = le.AppendUint64(dst, uint64(x.BodyLen()))
	for i := range x.Chunks {
		c := &x.Chunks[i]
		dst = append(dst, c.Hash[:]...)
		dst = le.AppendUint32(dst, c.PhysEnd|uint32(c.Scheme)<<schemeShift)
		dst = le.AppendUint32(dst, c.RawEnd)
		dst = le.AppendUint32(dst, c.CRC)
	}
	dst = le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return le.AppendUint32(dst, uint32(len(dst)-start+4))
}

// ParseTrailer reads the index from the end of a blob; tail may begin before the trailer. It returns the length of the body,
// so that the blob must be bodyLen plus the trailer's length long. All failures are [ErrCorrupt].
func ParseTrailer(tail []byte) (x *Index, bodyLen int64, err error) {
	n, err := TrailerLen(tail)
	if err != nil {
		return nil, 0, err
	}
	if n > len(tail) {
		return nil, 0, corruptErrorf("trailer of %d bytes, %d given", n, len(tail))
	}
	b := tail[len(tail)-n:]
	le := binary.LittleEndian
	checked := b[:n-trailerFoot]
	if crc32.Checksum(checked, castagnoli) != le.Uint32(b[n-trailerFoot:]) {
		return nil, 0, corruptErrorf("trailer checksum")
	}
	count := (len(checked) - trailerHead) / trailerEntry
	if string(b[:8]) != trailerMagic || le.Uint32(b[8:]) != trailerVersion || le.Uint32(b[12:]) != uint32(count) {
		return nil, 0, corruptErrorf("trailer header")
	}
	x = &Index{Hash: Hash(b[16:48]), Chunks: make([]ChunkInfo, count)}
	for i := range x.Chunks {
		x.Chunks[i] = parseTrailerEntry(checked[trailerHead+i*trailerEntry:])
		if err := x.header(i).check(); err != nil {
			return nil, 0, corruptErrorf("trailer entry %d: %v", i, err)
		}
	}
	if x.BodyLen() > MaxXorbBody || uint64(x.BodyLen()) != le.Uint64(b[48:]) {
		return nil, 0, corruptErrorf("trailer body length")
	}
	return x, x.BodyLen(), nil
}

func parseTrailerEntry(b []byte) ChunkInfo {
	le := binary.LittleEndian
	phys := le.Uint32(b[32:])
	return ChunkInfo{
		Hash:    Hash(b[:32]),
		PhysEnd: phys & (1<<schemeShift - 1),
		RawEnd:  le.Uint32(b[36:]),
		CRC:     le.Uint32(b[40:]),
		Scheme:  Scheme(phys >> schemeShift),
	}
}
