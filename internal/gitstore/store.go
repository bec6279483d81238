package gitstore

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lru"
)

// DefaultBranch is what HEAD stands for.
const DefaultBranch = "main"

// Options are a store's sizes; the zero value is good for a small machine.
type Options struct {
	CacheDir         string // folder for packs fetched from blob storage and for spools; empty: a new temporary folder
	CacheBytes       int64  // bytes of packs kept there (10 GiB)
	ObjectCacheBytes int64  // memory for parsed trees and commits, all repositories together (64 MiB)
	StateBytes       int64  // memory for catalogs of packs (256 MiB)
	InlineMax        int64  // packs and catalogs up to this size live in their row (1 MiB)
	InlineCacheBytes int64  // memory for packs that live in their row (64 MiB)
	FoldAt           int    // number of packs of one size class that makes a fold worth while (16)

	// Grow is told in each transaction by how many bytes a repository's packs grow, or shrink; upkeep: by the store's own
	// tidying, which nobody asked for. DeleteRepo tells nothing. nil: nobody is told.
	Grow func(ctx context.Context, tx *db.Tx, repoID string, bytes int64, upkeep bool)
}

func (o Options) orDefault() Options {
	set := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.CacheBytes, 10<<30)
	set(&o.ObjectCacheBytes, 64<<20)
	set(&o.StateBytes, 256<<20)
	set(&o.InlineMax, 1<<20)
	set(&o.InlineCacheBytes, 64<<20)
	if o.FoldAt == 0 {
		o.FoldAt = 16
	}
	return o
}

// Store is all repositories of a hub. It is safe for concurrent use.
type Store struct {
	db    *db.DB
	blobs blob.Store
	o     Options

	states  *lru.Cache[string, *state]
	objects *lru.Cache[objectKey, any] // *git.Tree, *git.Commit, *git.Tag
	nodes   *lru.Cache[objectKey, *node]
	facts   *lru.Cache[factKey, any]   // what was computed once from immutable objects
	runs    *lru.Cache[runKey, []Info] // what listings show of files
	inline  *lru.Cache[packKey, *git.PackReader]
	files   *packFiles

	loads    singleflight.Group
	makeDir  func() (string, error)
	counters counters
}

type objectKey struct {
	repo string
	oid  hub.OID
}

type packKey struct {
	repo string
	seq  int64
}

// New makes a store over a database and a blob store. It touches neither. The cache folder is tidied in the background.
func New(d *db.DB, blobs blob.Store, o Options) *Store {
	o = o.orDefault()
	s := &Store{
		db: d, blobs: blobs, o: o,
		states:  lru.New[string, *state](o.StateBytes),
		objects: lru.New[objectKey, any](o.ObjectCacheBytes),
		nodes:   lru.New[objectKey, *node](o.ObjectCacheBytes / 4),
		facts:   lru.New[factKey, any](o.ObjectCacheBytes / 4),
		runs:    lru.New[runKey, []Info](o.ObjectCacheBytes / 8),
		inline:  lru.New[packKey, *git.PackReader](o.InlineCacheBytes),
	}
	s.makeDir = sync.OnceValues(s.cacheDir)
	s.files = newPackFiles(blobs, s.makeDir, o.CacheBytes)
	s.files.tidy = sync.OnceFunc(s.tidyCache)
	go s.files.tidy()
	return s
}

// tidyCache removes what an earlier process left in the folder. One without a name is new.
func (s *Store) tidyCache() {
	if s.o.CacheDir != "" {
		s.files.sweep(packDir(s.o.CacheDir))
	}
}

// cacheDir makes the folder when it is first needed: a store that only reads rows needs none.
func (s *Store) cacheDir() (string, error) {
	if s.o.CacheDir == "" {
		return os.MkdirTemp("", "cairn-git-*")
	}
	dir := packDir(s.o.CacheDir)
	return dir, os.MkdirAll(dir, 0o700)
}

// packDir is where packs are kept in a cache folder: a folder of their own, for old files in it are deleted.
func packDir(cacheDir string) string { return filepath.Join(cacheDir, "packs") }

// grow tells who counts that a repository's packs take more bytes, or less.
func (s *Store) grow(ctx context.Context, tx *db.Tx, repoID string, bytes int64, upkeep bool) {
	if s.o.Grow != nil && bytes != 0 {
		s.o.Grow(ctx, tx, repoID, bytes, upkeep)
	}
}

// forget drops what is cached of a repository.
func (s *Store) forget(repoID string) { s.states.Remove(repoID) }

// now is the time as rows keep it: unix microseconds.
func now(q db.Queryer) int64 { return q.Now().UnixMicro() }
