package gitstore_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// TestConcurrentCommits: writers on two nodes commit to one branch with retries; nothing is lost.
func TestConcurrentCommits(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		f.commit(files{"start": "x"})
		other := *f
		other.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir(), InlineMax: 2000, FoldAt: 4})
		const writers, each = 4, 8
		var wg sync.WaitGroup
		for n := range writers {
			node := *f
			if n%2 == 1 {
				node = other
			}
			wg.Go(func() {
				for i := range each {
					if err := node.insist(files{fmt.Sprintf("w%d/f%d", n, i): strings.Repeat("x", n*i*100)}); err != nil {
						f.t.Errorf("writer %d: %v", n, err)
					}
				}
			})
		}
		wg.Wait()
		r := f.open()
		if n, err := r.Count(f.ctx, f.tip(main)); err != nil || n != writers*each+1 {
			f.t.Errorf("%d commits, %v", n, err)
		}
		if n, _, err := r.TreeSize(f.ctx, f.tree(f.tip(main)), ""); err != nil || n != writers*each+1 {
			f.t.Errorf("%d files, %v", n, err)
		}
	})
}

func (f *fixture) insist(fs files) error {
	for {
		_, err := f.try(main, fs)
		if !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Unavailable) {
			return err
		}
	}
}

// TestFoldUnderLoad folds while one view made before everything, fresh views and writers go on.
func TestFoldUnderLoad(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		for i := range 12 {
			f.commit(files{fmt.Sprintf("d%d/f", i%3): strings.Repeat(fmt.Sprint(i), 50*i)})
		}
		before, tip := f.open(), f.tip(main)
		cold := *f // another node: no cached bytes
		cold.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir(), InlineMax: 2000, FoldAt: 4, InlineCacheBytes: 1, ObjectCacheBytes: 1})
		coldView := cold.open()
		ctx, stop := context.WithCancel(f.ctx)
		var wg sync.WaitGroup
		var reads atomic.Int64
		for _, view := range []*gitstore.Repo{before, coldView} {
			wg.Go(func() {
				for ctx.Err() == nil {
					if err := readAll(f.ctx, view, tip, f); err != nil {
						f.t.Errorf("reader: %v", err)
						return
					}
					reads.Add(1)
				}
			})
		}
		writer := *f
		wg.Go(func() {
			for i := 0; ctx.Err() == nil && i < 40; i++ {
				if err := writer.insist(files{fmt.Sprintf("w/f%d", i): fmt.Sprint(i)}); err != nil {
					f.t.Errorf("writer: %v", err)
				}
			}
		})
		folds := 0
		for i := 0; i < 30 && !f.t.Failed(); i++ {
			for _, s := range []*gitstore.Store{f.s, cold.s} {
				ok, err := s.Fold(f.ctx, f.id)
				if err != nil {
					f.t.Errorf("fold: %v", err)
				}
				if ok {
					folds++
				}
			}
		}
		stop()
		wg.Wait()
		if folds == 0 || reads.Load() == 0 {
			f.t.Errorf("%d folds, %d reads", folds, reads.Load())
		}
		for ok := true; ok; {
			var err error
			ok, err = f.s.Fold(f.ctx, f.id)
			f.ok(err)
		}
		if ids, err := f.s.NeedsFold(f.ctx, 10); err != nil || len(ids) != 0 {
			f.t.Errorf("still to fold: %v %v", ids, err)
		}
		packs, err := f.s.Export(f.ctx, f.id)
		f.ok(err)
		if len(packs) > 10 {
			f.t.Errorf("%d packs are left", len(packs))
		}
		if out := gitIn(f.t, f.bare(), nil, "fsck", "--strict"); out != "" {
			f.t.Errorf("fsck: %s", out)
		}
	})
}

func readAll(ctx context.Context, r *gitstore.Repo, tip [20]byte, f *fixture) error {
	log, _, err := r.Log(ctx, tip, gitstore.LogOptions{Limit: 100})
	if err != nil {
		return err
	}
	if len(log) != 12 {
		return fmt.Errorf("%d commits", len(log))
	}
	for _, c := range log {
		page, _, err := r.Walk(ctx, c.Commit.Tree, gitstore.WalkOptions{Recursive: true})
		if err != nil {
			return err
		}
		for _, e := range page {
			if e.IsDir {
				continue
			}
			rc, _, err := r.Blob(ctx, e.OID)
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, rc)
			rc.Close()
			if err != nil || n != e.Size {
				return fmt.Errorf("%s: %d of %d bytes, %w", e.Path, n, e.Size, err)
			}
		}
	}
	return nil
}

// TestColdPackHerd: many readers want one pack that is not on this node; it is fetched once.
func TestColdPackHerd(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		big := make([]byte, 300_000)
		_, _ = rand.NewChaCha8([32]byte{}).Read(big) // stays large when packed
		f.commit(files{"big": string(big), "x/y": "z"})
		counted := &counting{Store: f.blobs}
		f.s = gitstore.New(f.db, counted, gitstore.Options{CacheDir: f.t.TempDir()})
		var wg sync.WaitGroup
		r := f.open()
		e, err := r.Entry(f.ctx, f.tree(f.tip(main)), "big")
		f.ok(err)
		counted.opened.Store(0)
		f.s = gitstore.New(f.db, counted, gitstore.Options{CacheDir: f.t.TempDir()})
		for range 20 {
			wg.Go(func() {
				if b, err := f.open().BlobBytes(f.ctx, e.OID, 1<<20); err != nil || len(b) != 300_000 {
					f.t.Errorf("%d bytes, %v", len(b), err)
				}
			})
		}
		wg.Wait()
		if n := counted.opened.Load(); n != 2 { // pack and catalog
			f.t.Errorf("%d blobs were opened", n)
		}
	})
}
