package blob

import (
	"context"
	"io"
	"time"
)

// Part is a range of an object as a remote store sends it.
type Part struct {
	io.ReadCloser
	Size    int64  // of the whole object
	Version string // another one if the object was replaced; empty: the store does not tell
}

// Forgetter is a Store that keeps copies of objects that lie elsewhere.
type Forgetter interface {
	// Forget drops the copies of an object, so that the next read is of the object itself.
	Forget(key string)
}

// Forget drops what a store keeps of an object. It reports whether reading the object again may bring other bytes.
func Forget(s Store, key string) bool {
	c, ok := s.(Forgetter)
	if ok {
		c.Forget(key)
	}
	return ok
}

// Presigner is a Store whose objects clients can fetch for themselves.
type Presigner interface {
	// Presign makes a URL that gives whoever has it the n bytes from off of an object, and no others: the request has to
	// carry the header "Range: bytes=off-last". It holds from a time on, for a while.
	Presign(ctx context.Context, key string, off, n int64, from time.Time, ttl time.Duration) (url string, err error)
}

// Reacher is a Store that can be asked cheaply whether it answers.
type Reacher interface {
	Reach(ctx context.Context) error
}

// Reach reports whether a store answers: without writing to it, where that tells as much.
func Reach(ctx context.Context, s Store) error {
	if r, ok := s.(Reacher); ok {
		return r.Reach(ctx)
	}
	return s.Check(ctx)
}

// Leftovers is a Store in which uploads that were never completed stay behind.
type Leftovers interface {
	// AbortLeftovers ends those that were started before a time, of keys that begin with one of the prefixes.
	AbortLeftovers(ctx context.Context, before time.Time, prefixes ...string) (aborted int, err error)
}
