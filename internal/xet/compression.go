package xet

import (
	"encoding/binary"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// Scheme says how a chunk is stored within a xorb.
type Scheme uint8

// The schemes of the wire format (Xet protocol specification, "Xorb format").
const (
	SchemeNone Scheme = 0 // as it is
	SchemeLZ4  Scheme = 1 // an LZ4 frame
	SchemeBG4  Scheme = 2 // an LZ4 frame over the bytes grouped by position modulo 4
)

// decodePayload decodes a payload into dst, which has exactly the chunk's length. scratch holds at least as much; it is used
// by SchemeBG4 alone.
func decodePayload(dst, scratch, payload []byte, scheme Scheme) error {
	switch scheme {
	case SchemeNone:
		if len(payload) != len(dst) {
			return formatErrorf("xorb", "stored chunk of %d bytes claims %d", len(payload), len(dst))
		}
		copy(dst, payload)
		return nil
	case SchemeLZ4:
		return lz4Decode(dst, payload)
	case SchemeBG4:
		grouped := scratch[:len(dst)]
		if err := lz4Decode(grouped, payload); err != nil {
			return err
		}
		bg4Ungroup(dst, grouped)
		return nil
	}
	return formatErrorf("xorb", "unknown compression scheme %d", scheme)
}

// bg4Bounds returns where the four groups of n bytes begin after the first: the first n%4 groups have one byte more.
func bg4Bounds(n int) (b1, b2, b3 int) {
	q, r := n/4, n%4
	b1 = q + min(r, 1)
	b2 = b1 + q + min(max(r-1, 0), 1)
	b3 = b2 + q + min(max(r-2, 0), 1)
	return b1, b2, b3
}

// bg4Group puts the bytes at positions 0 mod 4 first, then those at 1, 2 and 3: in 4-byte numbers the exponents come together,
// which LZ4 can compress. dst and src have the same length and do not overlap.
func bg4Group(dst, src []byte) {
	n := len(src)
	b1, b2, b3 := bg4Bounds(n)
	q := n / 4
	g0, g1, g2, g3 := dst[:b1], dst[b1:b2], dst[b2:b3], dst[b3:n]
	for i := range q {
		w := binary.LittleEndian.Uint32(src[4*i:])
		g0[i], g1[i], g2[i], g3[i] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	}
	for i := 4 * q; i < n; i++ {
		[...][]byte{g0, g1, g2}[i-4*q][q] = src[i]
	}
}

// bg4Ungroup is the inverse of bg4Group.
func bg4Ungroup(dst, src []byte) {
	n := len(src)
	b1, b2, b3 := bg4Bounds(n)
	q := n / 4
	g0, g1, g2, g3 := src[:b1], src[b1:b2], src[b2:b3], src[b3:n]
	i := 0
	for ; i+4 <= q; i += 4 { // 4 words at a time: half the loads of one at a time
		a, b := binary.LittleEndian.Uint32(g0[i:]), binary.LittleEndian.Uint32(g1[i:])
		c, d := binary.LittleEndian.Uint32(g2[i:]), binary.LittleEndian.Uint32(g3[i:])
		out := dst[4*i : 4*i+16 : 4*i+16]
		binary.LittleEndian.PutUint32(out, a&0xFF|b&0xFF<<8|c&0xFF<<16|d<<24)
		binary.LittleEndian.PutUint32(out[4:], a>>8&0xFF|b&0xFF00|c<<8&0xFF0000|d<<16&0xFF000000)
		binary.LittleEndian.PutUint32(out[8:], a>>16&0xFF|b>>8&0xFF00|c&0xFF0000|d<<8&0xFF000000)
		binary.LittleEndian.PutUint32(out[12:], a>>24|b>>16&0xFF00|c>>8&0xFF0000|d&0xFF000000)
	}
	for ; i < q; i++ {
		binary.LittleEndian.PutUint32(dst[4*i:], uint32(g0[i])|uint32(g1[i])<<8|uint32(g2[i])<<16|uint32(g3[i])<<24)
	}
	for i := 4 * q; i < n; i++ {
		dst[i] = [...][]byte{g0, g1, g2}[i-4*q][q]
	}
}

// testEvery is how many chunks share one choice of scheme. Neighbours in a file are alike, so trying both schemes on each
// would cost twice the time for little.
const testEvery = 16

// compressor picks the scheme of each chunk of a stream and compresses it. Not safe for concurrent use.
type compressor struct {
	lz4     lz4.Compressor
	choice  Scheme
	seen    int
	grouped [MaxChunk]byte
	out     [2][MaxChunk]byte
}

var compressors = sync.Pool{New: func() any { return new(compressor) }}

// compress returns the payload to store for a chunk and its scheme. The payload is the chunk itself (SchemeNone) or shorter,
// and valid until the next call.
func (c *compressor) compress(chunk []byte) ([]byte, Scheme) {
	c.seen++
	if (c.seen-1)%testEvery == 0 {
		return c.choose(chunk)
	}
	switch c.choice {
	case SchemeLZ4:
		if n := lz4Encode(&c.lz4, c.out[0][:], chunk); n > 0 {
			return c.out[0][:n], SchemeLZ4
		}
	case SchemeBG4:
		if n := c.encodeBG4(c.out[1][:], chunk); n > 0 {
			return c.out[1][:n], SchemeBG4
		}
	}
	return chunk, SchemeNone
}

// choose tries every scheme and keeps the best for the chunks that follow.
func (c *compressor) choose(chunk []byte) ([]byte, Scheme) {
	best, scheme := chunk, SchemeNone
	if n := lz4Encode(&c.lz4, c.out[0][:], chunk); n > 0 {
		best, scheme = c.out[0][:n], SchemeLZ4
	}
	if n := c.encodeBG4(c.out[1][:], chunk); n > 0 && n < len(best) {
		best, scheme = c.out[1][:n], SchemeBG4
	}
	c.choice = scheme
	return best, scheme
}

func (c *compressor) encodeBG4(dst, chunk []byte) int {
	grouped := c.grouped[:len(chunk)]
	bg4Group(grouped, chunk)
	return lz4Encode(&c.lz4, dst, grouped)
}
