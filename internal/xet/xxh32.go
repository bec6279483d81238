package xet

import (
	"encoding/binary"
	"math/bits"
)

// The primes of xxHash32 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
const (
	xxPrime1 uint32 = 2654435761
	xxPrime2 uint32 = 2246822519
	xxPrime3 uint32 = 3266489917
	xxPrime4 uint32 = 668265263
	xxPrime5 uint32 = 374761393
)

// xxh32 is xxHash32 with seed 0, the checksum inside LZ4 frames. The lz4 module keeps its own to itself.
func xxh32(b []byte) uint32 {
	n := uint32(len(b))
	h := xxPrime5
	if len(b) >= 16 {
		h, b = xxStripes(b)
	}
	h += n
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*xxPrime3, 17) * xxPrime4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*xxPrime5, 11) * xxPrime1
	}
	h = (h ^ h>>15) * xxPrime2
	h = (h ^ h>>13) * xxPrime3
	return h ^ h>>16
}

// xxStripes mixes all whole 16-byte stripes and returns the state and the rest.
func xxStripes(b []byte) (uint32, []byte) {
	p1, p2 := xxPrime1, xxPrime2 // variables: the sums must wrap
	v1, v2, v3, v4 := p1+p2, p2, uint32(0), -p1
	for ; len(b) >= 16; b = b[16:] {
		v1 = bits.RotateLeft32(v1+binary.LittleEndian.Uint32(b)*xxPrime2, 13) * xxPrime1
		v2 = bits.RotateLeft32(v2+binary.LittleEndian.Uint32(b[4:])*xxPrime2, 13) * xxPrime1
		v3 = bits.RotateLeft32(v3+binary.LittleEndian.Uint32(b[8:])*xxPrime2, 13) * xxPrime1
		v4 = bits.RotateLeft32(v4+binary.LittleEndian.Uint32(b[12:])*xxPrime2, 13) * xxPrime1
	}
	h := bits.RotateLeft32(v1, 1) + bits.RotateLeft32(v2, 7) + bits.RotateLeft32(v3, 12) + bits.RotateLeft32(v4, 18)
	return h, b
}
