package xetstore

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/lru"
	"github.com/cairnhub/cairn/internal/slot"
	"github.com/cairnhub/cairn/internal/xet"
)

// Options tune a Store. The zero value serves.
type Options struct {
	// Log hears of damaged bytes; nil: slog.Default().
	Log *slog.Logger
	// Now is the clock; nil: the database's.
	Now func() time.Time
	// IndexCache and TermCache bound the memory of cached xorb indexes and term lists in bytes; 0: 32 MiB and 16 MiB.
	IndexCache, TermCache int64
	// Uploads is how many xorbs are verified at once, each in about 1 MiB beside the blob store's buffers; 0: 16. Half
	// of them are open to each user, so that one on a slow line does not hold up the others.
	Uploads int
	// Wait is how long an upload that has not begun waits for its turn until it is refused; 0: 60 seconds, and 25 for a
	// plain one.
	Wait time.Duration
	// Hashes is how many files are hashed at once for a claimed SHA-256; 0: 2.
	Hashes int
	// Unfinished bounds the bytes that a user's unfinished uploads take: parts, and xorbs that no shard has named yet; 0: 2 TB.
	Unfinished int64
	// RewriteBelow is the part of a xorb's bytes, in percent, below which what files still name of it is written as a xorb of its own;
	// 0: 25; negative: never.
	RewriteBelow int
	// ClockSkew is how far the clocks of nodes may be apart; 0: 2 minutes.
	ClockSkew time.Duration
	// Grow is told in each transaction by how many bytes the files of a repository grow, or shrink. DeleteRepo tells
	// nothing. nil: nobody is told.
	Grow func(ctx context.Context, tx *db.Tx, repoID string, bytes int64)
	// Wanted is told in each transaction that sends, links or names files of a repository, new or there already. nil:
	// nobody is told.
	Wanted func(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) error
}

const (
	defaultIndexCache = 32 << 20
	defaultTermCache  = 16 << 20
	defaultUploads    = 16
	defaultHashes     = 2
	shardsAtOnce      = 4
	defaultClockSkew  = 2 * time.Minute

	defaultRewriteBelow = 25

	defaultUnfinished = 2_000_000_000_000
)

// Store is the large files of one hub. It is safe for concurrent use.
type Store struct {
	db    *db.DB
	blobs blob.Store
	far   bool // blobs are not on this machine
	log   *slog.Logger
	now   func() time.Time

	indexes  *lru.Cache[xet.Hash, *xet.Index]
	terms    *lru.Cache[termsKey, keptTerms]
	maxTerms int64 // bytes of a list that is kept, so that one file does not push out all others
	files    *db.Memo[fileKey, foundFile]

	aheads                  *aheads
	hurt                    hurt
	uploads, shards, hashes slot.Slots
	parsing                 byteBudget
	users                   *slot.Keyed[string]   // uploads by user
	commits                 *slot.Keyed[xet.Hash] // by xorb: one body per hash
	summing                 *slot.Keyed[string]   // by upload in parts: one at its sum and completion
	wait                    time.Duration
	maxUnfinished           int64
	skew                    time.Duration
	rewriteBelow            int64 // percent

	freedXorbs, freedBytes atomic.Int64

	grow   func(ctx context.Context, tx *db.Tx, repoID string, bytes int64)
	wanted func(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) error
}

// New makes a store on a migrated database.
func New(d *db.DB, blobs blob.Store, o Options) *Store {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = d.Now
	}
	s := &Store{db: d, blobs: blobs, far: !blob.IsLocal(blobs), log: o.Log, now: o.Now, grow: o.Grow, wanted: o.Wanted}
	if s.grow == nil {
		s.grow = func(context.Context, *db.Tx, string, int64) {}
	}
	if s.wanted == nil {
		s.wanted = func(context.Context, *db.Tx, string, []xet.Hash) error { return nil }
	}
	s.indexes = lru.New[xet.Hash, *xet.Index](or(o.IndexCache, defaultIndexCache))
	termCache := or(o.TermCache, defaultTermCache)
	s.terms, s.maxTerms = lru.New[termsKey, keptTerms](termCache), termCache/2
	s.files = db.NewMemo[fileKey](d, fileMemo, func(foundFile) int64 { return foundFileWeight })
	s.hurt.memo = db.NewMemo[struct{}](d, 1, func(bool) int64 { return 1 })
	s.uploads = slot.Of(or(o.Uploads, defaultUploads))
	s.users = slot.PerKey[string](max(cap(s.uploads)/2, 1))
	s.commits = slot.PerKey[xet.Hash](1)
	s.summing = slot.PerKey[string](1)
	s.wait = or(o.Wait, turnWait)
	s.maxUnfinished = or(o.Unfinished, defaultUnfinished)
	s.rewriteBelow = int64(o.RewriteBelow)
	if s.rewriteBelow == 0 {
		s.rewriteBelow = defaultRewriteBelow
	}
	s.skew = or(o.ClockSkew, defaultClockSkew)
	s.shards = slot.Of(shardsAtOnce)
	s.hashes = slot.Of(or(o.Hashes, defaultHashes))
	s.aheads = newAheads(s)
	return s
}

func or[T int | int64 | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

func (s *Store) micros() int64 { return s.now().UnixMicro() }
