package xet

import (
	"hash/crc32"
)

// checksumEvery is of how many uncompressed chunks one has its checksum compared. Such a chunk is what its hash says, and the
// checksum was computed from just that: only one that was never right could differ, which is then wrong everywhere.
// Bytes of a compressed chunk may change and still decode to the same.
const checksumEvery = 16

// BodyVerifier checks the stored body of a xorb, written to it in pieces of any length, against the xorb's index: each
// header, the hash of each chunk once it is decoded, and checksums. It copies chunks only to where hashing is fast. It is used by
// one goroutine, and ended by Close.
type BodyVerifier struct {
	index *Index
	next  int // chunk
	part  []byte
	buf   *chunkBuffer
	err   error
}

// NewBodyVerifier begins with the first byte of the body. The index must have passed [Index.CheckHash].
func NewBodyVerifier(x *Index) *BodyVerifier {
	return &BodyVerifier{index: x, buf: chunkBuffers.Get().(*chunkBuffer)}
}

// Write looks at more of the body. Damage, and bytes past the body's end, are [ErrCorrupt].
func (v *BodyVerifier) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && v.err == nil {
		p = v.take(p)
	}
	if v.err != nil {
		return 0, v.err
	}
	return n, nil
}

// take looks at the next chunk if p completes it, else keeps what there is of it. It returns what follows.
func (v *BodyVerifier) take(p []byte) (rest []byte) {
	if v.next == v.index.NumChunks() {
		v.err = corruptErrorf("%d bytes after the last chunk", len(p))
		return nil
	}
	_, size := v.index.PhysRange(v.next, v.next+1)
	missing := int(size) - len(v.part)
	switch {
	case missing > len(p):
		v.part = append(v.stash(), p...)
		return nil
	case len(v.part) > 0:
		v.check(append(v.part, p[:missing]...))
		v.part = v.part[:0]
	default:
		v.check(p[:size])
	}
	v.next++
	return p[missing:]
}

// stash is where the start of a chunk waits for its end. No chunk is longer.
func (v *BodyVerifier) stash() []byte {
	if v.part == nil {
		v.part = v.buf.stored[:0]
	}
	return v.part
}

func (v *BodyVerifier) check(stored []byte) {
	i := v.next
	h := v.index.header(i)
	var want [chunkHeaderSize]byte
	h.put(want[:])
	if [chunkHeaderSize]byte(stored) != want {
		v.err = corruptErrorf("chunk %d: header", i)
		return
	}
	payload := stored[chunkHeaderSize:]
	if (h.scheme != SchemeNone || i%checksumEvery == 0) && crc32.Checksum(payload, castagnoli) != v.index.Chunks[i].CRC {
		v.err = corruptErrorf("chunk %d: checksum", i)
		return
	}
	raw, err := v.buf.decode(h, payload)
	if err != nil {
		v.err = corruptErrorf("chunk %d: %v", i, err)
	} else if ChunkHash(v.buf.aligned(raw)) != v.index.Chunks[i].Hash {
		v.err = corruptErrorf("chunk %d: hash", i)
	}
}

// Close gives the buffers back and says [ErrCorrupt] if the body had damage or has not come to its end.
func (v *BodyVerifier) Close() error {
	if v.buf != nil {
		chunkBuffers.Put(v.buf)
		v.buf, v.part = nil, nil
	}
	if v.err == nil && v.next < v.index.NumChunks() {
		v.err = corruptErrorf("the body ends after %d of %d chunks", v.next, v.index.NumChunks())
	}
	return v.err
}
