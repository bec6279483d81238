package git

import (
	"crypto/sha1" //nolint:gosec // git's object id is SHA-1 by definition
	"errors"
	"fmt"
	"hash"
	"strconv"

	"github.com/cairnhub/cairn/internal/hub"
)

// ErrMalformed says that bytes are not what their format demands.
var ErrMalformed = errors.New("malformed git data")

// ErrLimit says that an object is larger, or a delta chain longer, than the caller allows.
var ErrLimit = errors.New("git object over the limit")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Kind is the type of an object, with the numbers that packs use (gitformat-pack(5)).
type Kind uint8

// The four kinds of objects, then the two packed forms that stand for one of them.
const (
	KindCommit   Kind = 1
	KindTree     Kind = 2
	KindBlob     Kind = 3
	KindTag      Kind = 4
	kindOFSDelta Kind = 6
	kindREFDelta Kind = 7
)

func (k Kind) String() string {
	switch k {
	case KindCommit:
		return "commit"
	case KindTree:
		return "tree"
	case KindBlob:
		return "blob"
	case KindTag:
		return "tag"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Valid reports whether k is one of the four kinds of objects.
func (k Kind) Valid() bool { return k >= KindCommit && k <= KindTag }

func (k Kind) isDelta() bool { return k == kindOFSDelta || k == kindREFDelta }

// EmptyTree is the id of the tree without entries.
var EmptyTree = Hash(KindTree, nil)

// Hash is the id of an object: SHA-1 over "<kind> <size>\0" and its bytes.
func Hash(k Kind, data []byte) hub.OID {
	h := NewHasher(k, int64(len(data)))
	_, _ = h.Write(data)
	return h.OID()
}

// Hasher computes an object id from a stream.
type Hasher struct{ h hash.Hash }

// NewHasher starts the id of an object whose size in bytes is known.
func NewHasher(k Kind, size int64) *Hasher {
	h := &Hasher{h: sha1.New()} //nolint:gosec // see above
	h.Reset(k, size)
	return h
}

// Reset starts another object.
func (h *Hasher) Reset(k Kind, size int64) {
	h.h.Reset()
	var b [32]byte
	p := append(b[:0], k.String()...)
	p = append(p, ' ')
	p = strconv.AppendInt(p, size, 10)
	_, _ = h.h.Write(append(p, 0))
}

func (h *Hasher) Write(p []byte) (int, error) { return h.h.Write(p) }

// OID is the id of what was written.
func (h *Hasher) OID() (o hub.OID) {
	h.h.Sum(o[:0])
	return o
}
