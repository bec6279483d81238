package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// Store keeps objects under keys. All methods are safe for concurrent use.
//
// A key is one or more segments of [a-z0-9._-] with slashes between, at most 512 bytes, no segment "." or ".." or longer
// than 200 bytes; other keys are refused as errs.Invalid. No key may be a folder of another ("a" and "a/b").
//
// Errors: errs.NotFound for an absent object, errs.StorageFull when no space is left, errs.Unavailable when a remote
// store does not answer.
type Store interface {
	// Create starts an object whose key may be known only at the end. The caller ends it with Commit or Abort; a
	// deferred Abort is the usual way.
	Create(ctx context.Context) (Upload, error)

	// Open reads n bytes from off, or to the end when n < 0. If the object is shorter than off+n, Open or a later Read
	// fails with an error that is io.ErrUnexpectedEOF. The reader may implement io.WriterTo, so io.Copy to a network
	// connection can be done by the kernel: do not wrap it without need.
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)

	// Stat returns the object's size and age.
	Stat(ctx context.Context, key string) (Info, error)

	// Delete removes an object; it is fine when there is none. The deletion need not survive a power cut.
	Delete(ctx context.Context, key string) error

	// List returns up to limit objects (1000 when limit <= 0) whose keys start with prefix and sort after the key
	// after, by the keys' bytes. A last page has fewer than limit.
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)

	// Check writes, reads and deletes a small object.
	Check(ctx context.Context) error
}

// Local is a store that may keep its objects on this machine, where the kernel reads ahead of who reads in order.
type Local interface{ Local() bool }

// IsLocal reports whether a store keeps its objects on this machine.
func IsLocal(s Store) bool {
	l, ok := s.(Local)
	return ok && l.Local()
}

// Upload is an object being written, by one goroutine. Nothing is visible before Commit.
type Upload interface {
	io.Writer

	// Size is the number of bytes written so far.
	Size() int64

	// ReadAt reads back what was written, before Commit.
	io.ReaderAt

	// Commit makes the object visible under key, at once and durably: when it returns nil, the object outlives a power
	// cut. A failed Commit leaves nothing that may be relied on; a failed fsync is never repeated on the same file.
	// When the key exists already, one of the two objects stays: they are taken to be equal.
	Commit(ctx context.Context, key string) error

	// Abort drops an upload that is not committed, with all that it used. It may be called again and after Commit.
	Abort() error
}

// Info describes an object.
type Info struct {
	Key     string
	Size    int64
	ModTime time.Time
}

const (
	maxKey     = 512
	maxSegment = 200
)

// ValidKey returns errs.Invalid for a key outside of the contract. Stores call it first.
func ValidKey(key string) error {
	if len(key) > maxKey || !validSegments(key) {
		return errs.New(errs.Invalid, "%.80q is not a valid object key", key)
	}
	return nil
}

func validSegments(key string) bool {
	start := 0
	for i := 0; i <= len(key); i++ {
		if i == len(key) || key[i] == '/' {
			if segment := key[start:i]; segment == "" || segment == "." || segment == ".." || len(segment) > maxSegment {
				return false
			}
			start = i + 1
			continue
		}
		c := key[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// NotFound is the error for an absent object.
func NotFound(key string) error {
	return errs.New(errs.NotFound, "object %q does not exist", key)
}

// TooShort is the error for a range that the object does not have.
func TooShort(key string, size, off, n int64) error {
	return fmt.Errorf("object %q has %d bytes, asked for %d from %d: %w", key, size, n, off, io.ErrUnexpectedEOF)
}

// PutBytes stores a small object.
func PutBytes(ctx context.Context, s Store, key string, body []byte) error {
	up, err := s.Create(ctx)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := up.Write(body); err != nil {
		return err
	}
	return up.Commit(ctx, key)
}

// OpenAll reads an object from its first byte to its last.
func OpenAll(ctx context.Context, s Store, key string) (io.ReadCloser, error) {
	return s.Open(ctx, key, 0, -1)
}

// GetBytes reads a small object into memory; errs.TooLarge when it has more than limit bytes.
func GetBytes(ctx context.Context, s Store, key string, limit int64) ([]byte, error) {
	r, err := OpenAll(ctx, s, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, errs.New(errs.TooLarge, "object %q has more than %d bytes", key, limit)
	}
	return body, nil
}

// Probe is what Check does on every store.
func Probe(ctx context.Context, s Store) error {
	key := "probe/" + fmt.Sprintf("%x", rand.Text())
	want := []byte(key)
	if err := PutBytes(ctx, s, key, want); err != nil {
		return fmt.Errorf("write a probe: %w", err)
	}
	got, err := GetBytes(ctx, s, key, 1000)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%d bytes that differ from those written", len(got))
	}
	if err != nil {
		return fmt.Errorf("read the probe: %w", err)
	}
	if err := s.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete the probe: %w", err)
	}
	return nil
}
