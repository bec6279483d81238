package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/spool"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// Store is a blob.Store.
type Store struct {
	root   string
	blocks *spool.Blocks
	sync   func(*os.File) error // fsync; tests look at the order
	lazy   bool                 // nothing is synced
	open   openFiles

	mu      sync.Mutex
	durable map[string]bool // folders known to outlive a power cut
}

var _ blob.Store = (*Store)(nil)

// New opens the store in a folder, which it creates, and removes what dead processes left in its tmp.
func New(root string) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	s := &Store{root: root, blocks: spool.NewBlocks(), sync: (*os.File).Sync, durable: map[string]bool{}}
	for _, dir := range []string{s.temporary(), s.objects()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open the blob store: %w", err)
		}
	}
	for _, dir := range []string{root, filepath.Dir(root)} {
		if err := s.syncFolder(dir); err != nil {
			return nil, fmt.Errorf("open the blob store: %w", err)
		}
	}
	s.durable[s.objects()] = true
	return s, s.removeLeftovers()
}

func (s *Store) temporary() string               { return filepath.Join(s.root, "tmp") }
func (s *Store) objects() string                 { return filepath.Join(s.root, "object") }
func (s *Store) path(key string) string          { return filepath.Join(s.objects(), filepath.FromSlash(key)) }
func (s *Store) Check(ctx context.Context) error { return blob.Probe(ctx, s) }

// Reach looks for the folder. A disk that is full is reached.
func (s *Store) Reach(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := os.Stat(s.objects()); err != nil {
		return fmt.Errorf("folder of the store: %w", err)
	}
	return nil
}

// Local says that objects are files here.
func (s *Store) Local() bool { return true }

// removeLeftovers deletes temporary files that no living process holds.
func (s *Store) removeLeftovers() error {
	entries, err := os.ReadDir(s.temporary())
	if err != nil {
		return fmt.Errorf("open the blob store: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		tempfile.RemoveDead(filepath.Join(s.temporary(), entry.Name()))
	}
	return nil
}

// Stat returns the object's size and the time of its upload.
func (s *Store) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := check(ctx, key); err != nil {
		return blob.Info{}, err
	}
	info, err := os.Lstat(s.path(key))
	if err != nil {
		return blob.Info{}, absent(key, err)
	}
	if !info.Mode().IsRegular() {
		return blob.Info{}, blob.NotFound(key)
	}
	return blob.Info{Key: key, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Delete removes the object. Its folder stays, since an upload may be on its way there.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	defer s.Forget(key)
	err := syscall.Unlink(s.path(key))
	if err == nil || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) {
		return nil
	}
	return fmt.Errorf("delete object %q: %w", key, err)
}

func check(ctx context.Context, key string) error {
	if err := blob.ValidKey(key); err != nil {
		return err
	}
	return ctx.Err()
}

// absent tells a missing object from a broken disk.
func absent(key string, err error) error {
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		return blob.NotFound(key)
	}
	return fmt.Errorf("object %q: %w", key, err)
}
