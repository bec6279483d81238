package fs

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/cairnhub/cairn/internal/blob/spool"
)

// Lazy is the same store for who writes many objects that count for nothing before all of them are there: Commit names an
// object without waiting for the disk, and flush waits for all at once. Until flush has returned nil, a power cut may take
// any of them, or leave a name with less behind it than was written; once it has failed, it fails for ever. Where the system cannot flush a whole file system, both
// are as always.
func (s *Store) Lazy() (lazy *Store, flush func(ctx context.Context) error, err error) {
	if !canFlush {
		return s, func(context.Context) error { return nil }, nil
	}
	// Opened before anything is written: the kernel tells this file of every failure to write since now.
	f, err := os.Open(s.root)
	if err != nil {
		return nil, nil, fmt.Errorf("open the blob store: %w", err)
	}
	lazy = &Store{root: s.root, blocks: s.blocks, sync: func(*os.File) error { return nil }, lazy: true, durable: map[string]bool{s.objects(): true}}
	return lazy, stickyFlush(func() error { return flushAll(f) }), nil
}

// stickyFlush goes on failing. The kernel tells an open file of each failure to write once: another attempt would find nothing
// wrong, though what was lost is still lost.
func stickyFlush(flush func() error) func(context.Context) error {
	var mu sync.Mutex
	var failed error
	return func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil {
			return failed
		}
		if err := flush(); err != nil {
			failed = fmt.Errorf("flush the file system: %w", spool.Full(err))
		}
		return failed
	}
}
