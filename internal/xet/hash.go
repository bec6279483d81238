package xet

import (
	"encoding/binary"
	"encoding/hex"
	"sync"

	"github.com/zeebo/blake3"
)

// HashSize is the length of a [Hash] in bytes.
const HashSize = 32

// Hash is a 32-byte BLAKE3 output in raw form, as shards, xorb footers and further hashing use it. Chunks, xorbs, files and
// term ranges each have one; they differ in the key that made them.
type Hash [HashSize]byte

// String gives the text form that URLs, JSON and Merkle nodes use: the four little-endian words of the hash, each as 16
// lower-case hex digits. It is therefore not the hex of the raw bytes (Xet protocol specification, "Hashing").
func (h Hash) String() string {
	h.swapWords()
	return hex.EncodeToString(h[:])
}

// ParseHash reads the form that String writes: exactly 64 lower-case hex digits, else a [FormatError].
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*HashSize {
		return Hash{}, formatErrorf("hash", "want %d hex digits, have %d", 2*HashSize, len(s))
	}
	for i := range h {
		hi, ok1 := hexDigit(s[2*i])
		lo, ok2 := hexDigit(s[2*i+1])
		if !ok1 || !ok2 {
			return Hash{}, formatErrorf("hash", "not lower-case hex")
		}
		h[i] = hi<<4 | lo
	}
	h.swapWords()
	return h, nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// swapWords reverses the bytes of each 8-byte word: the step between raw and text order, its own inverse.
func (h *Hash) swapWords() {
	for i := 0; i < HashSize; i += 8 {
		binary.LittleEndian.PutUint64(h[i:], binary.BigEndian.Uint64(h[i:]))
	}
}

// HashFromSHA256 puts a SHA-256 digest into the order in which shards carry it: clients read its hex as if it were the text
// form of a Hash, so h.String() is the ordinary hex of the digest.
func HashFromSHA256(sum [32]byte) Hash {
	h := Hash(sum)
	h.swapWords()
	return h
}

// SHA256 is the inverse of [HashFromSHA256].
func (h Hash) SHA256() [32]byte {
	h.swapWords()
	return h
}

// IsZero reports whether h is all zeros: the hash of the empty file and of the xorb without chunks.
func (h Hash) IsZero() bool { return h == Hash{} }

// LastU64 is the word by which xet-core takes a hash modulo a number (Merkle cuts, global dedup).
func (h Hash) LastU64() uint64 { return binary.LittleEndian.Uint64(h[24:]) }

// The keys of the protocol, one per kind of hash, so that no hash of one kind can pass for another. Xet protocol
// specification, "Hashing"; the file salt is the default one of xet-core.
var (
	dataKey  = [32]byte{0x66, 0x97, 0xf5, 0x77, 0x5b, 0x95, 0x50, 0xde, 0x31, 0x35, 0xcb, 0xac, 0xa5, 0x97, 0x18, 0x1c, 0x9d, 0xe4, 0x21, 0x10, 0x9b, 0xeb, 0x2b, 0x58, 0xb4, 0xd0, 0xb0, 0x4b, 0x93, 0xad, 0xf2, 0x29}
	nodeKey  = [32]byte{0x01, 0x7e, 0xc5, 0xc7, 0xa5, 0x47, 0x29, 0x96, 0xfd, 0x94, 0x66, 0x66, 0xb4, 0x8a, 0x02, 0xe6, 0x5d, 0xdd, 0x53, 0x6f, 0x37, 0xc7, 0x6d, 0xd2, 0xf8, 0x63, 0x52, 0xe6, 0x4a, 0x53, 0x71, 0x3f}
	rangeKey = [32]byte{0x7f, 0x18, 0x57, 0xd6, 0xce, 0x56, 0xed, 0x66, 0x12, 0x7f, 0xf9, 0x13, 0xe7, 0xa5, 0xc3, 0xf3, 0xa4, 0xcd, 0x26, 0xd5, 0xb5, 0xdb, 0x49, 0xe6, 0x41, 0x24, 0x98, 0x7f, 0x28, 0xfb, 0x94, 0xc3}
	fileSalt = [32]byte{}
)

var (
	dataHashers  = newHasherPool(dataKey)
	nodeHashers  = newHasherPool(nodeKey)
	rangeHashers = newHasherPool(rangeKey)
	fileHashers  = newHasherPool(fileSalt)
)

// keyedHasher is BLAKE3 under one key. Its output lands in a field of its own because a slice of a caller's variable would
// escape to the heap at every hash.
type keyedHasher struct {
	b3  *blake3.Hasher
	out Hash
}

func newKeyedHasher(key [32]byte) *keyedHasher {
	b3, err := blake3.NewKeyed(key[:])
	if err != nil {
		panic(err) // only for a key that is not 32 bytes
	}
	return &keyedHasher{b3: b3}
}

func (k *keyedHasher) sum() Hash {
	k.b3.Sum(k.out[:0])
	k.b3.Reset()
	return k.out
}

type hasherPool struct{ pool sync.Pool }

func newHasherPool(key [32]byte) *hasherPool {
	return &hasherPool{sync.Pool{New: func() any { return newKeyedHasher(key) }}}
}

func (p *hasherPool) get() *keyedHasher  { return p.pool.Get().(*keyedHasher) }
func (p *hasherPool) put(k *keyedHasher) { p.pool.Put(k) }

func (p *hasherPool) hash(b []byte) Hash {
	k := p.get()
	_, _ = k.b3.Write(b) // never fails
	h := k.sum()
	p.put(k)
	return h
}

// ChunkHash hashes the uncompressed bytes of one chunk.
func ChunkHash(chunk []byte) Hash { return dataHashers.hash(chunk) }

// RangeHash proves that its maker knows the hashes of consecutive chunks: what a shard states for each term of a file
// ("verification" entries).
func RangeHash(chunks []Hash) Hash {
	k := rangeHashers.get()
	for i := range chunks {
		_, _ = k.b3.Write(chunks[i][:])
	}
	h := k.sum()
	rangeHashers.put(k)
	return h
}

// KeyedChunkHash hides a chunk's hash under a key, as dedup answers carry it: only who has the chunk recognises it. Hashing
// many under one key is cheaper through [BuildDedupShard].
func KeyedChunkHash(key [32]byte, h Hash) Hash {
	k := newKeyedHasher(key)
	_, _ = k.b3.Write(h[:])
	return k.sum()
}
