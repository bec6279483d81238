package blob

import (
	"context"
	"io"
	"os"
)

// Uncached is a Store that keeps copies nearer than where its objects are kept for good: in the page cache, on a node's
// disk. A store of that kind, or one that is laid around another, must offer it: bit rot under a copy shows only when the
// copy is gone, and then it is too late.
type Uncached interface {
	// OpenUncached is Open past all copies, and leaves none behind.
	OpenUncached(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
}

// OpenUncached opens an object where it is kept for good. It is for who verifies: reading so is slower. See [WithPace].
func OpenUncached(ctx context.Context, s Store, key string, off, n int64) (io.ReadCloser, error) {
	open := s.Open
	if u, ok := s.(Uncached); ok {
		open = u.OpenUncached
	}
	r, err := open(ctx, key, off, n)
	if p, ok := ctx.Value(paceKey{}).(*Pace); ok && err == nil {
		r = &paced{r, ctx, p}
	}
	return r, err
}

// Filed is a Store whose objects are files of this machine.
type Filed interface {
	// OpenFile opens an object's file for reading.
	OpenFile(ctx context.Context, key string) (*os.File, error)
}
