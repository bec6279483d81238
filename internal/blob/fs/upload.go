package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/spool"
	"github.com/cairnhub/cairn/internal/tempfile"
)

type upload struct {
	*spool.File
	store *Store
	name  string // of the temporary file, empty when there is none (any more)
	done  bool
}

// Create starts an object.
func (s *Store) Create(ctx context.Context) (blob.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u := &upload{store: s}
	u.File = spool.New(u.createFile, s.blocks)
	return u, nil
}

func (u *upload) createFile() (*os.File, error) {
	f, err := tempfile.Named(u.store.temporary(), "upload-")
	if err == nil {
		u.name = f.Name()
	}
	return f, err
}

// Commit syncs the file, names it and syncs its folder.
func (u *upload) Commit(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if u.done {
		return errors.New("commit of an upload that has ended")
	}
	defer u.Abort() // whatever happens, this file is not used again
	f, err := u.Finish()
	if err != nil {
		return err
	}
	if err := u.store.sync(f); err != nil {
		return fmt.Errorf("sync an upload: %w", spool.Full(err))
	}
	path := u.store.path(key)
	folder := filepath.Dir(path)
	if err := u.store.makeFolder(folder); err != nil {
		return err
	}
	if err := os.Rename(u.name, path); err != nil {
		return fmt.Errorf("name an upload: %w", spool.Full(err))
	}
	u.name = ""
	u.store.Forget(key)
	return u.store.syncFolder(folder)
}

// Abort drops the upload.
func (u *upload) Abort() error {
	if u.done {
		return nil
	}
	u.done = true
	u.Close()
	if u.name == "" {
		return nil
	}
	err := os.Remove(u.name)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return err
}

// makeFolder creates a folder below the objects, durably. A folder that exists is synced once too: the process that made
// it may not have come that far.
func (s *Store) makeFolder(dir string) error {
	s.mu.Lock()
	known := s.durable[dir]
	s.mu.Unlock()
	if known {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := s.makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make a folder: %w", spool.Full(err))
	}
	if err := s.syncFolder(parent); err != nil {
		return err
	}
	s.mu.Lock()
	s.durable[dir] = true
	s.mu.Unlock()
	return nil
}

func (s *Store) syncFolder(dir string) error {
	if s.lazy {
		return nil // to open it is what costs
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	err = s.sync(f)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) { // network folders that cannot
		return nil
	}
	if err != nil {
		return fmt.Errorf("sync a folder: %w", spool.Full(err))
	}
	return nil
}
