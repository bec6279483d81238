package xetstore

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	// dedupLife is how long a client may use an answer; the collector keeps what was handed out for longer.
	dedupLife = 7 * 24 * time.Hour
	// maxAnswerChunks bounds an answer to 768 KiB.
	maxAnswerChunks = 16_384
	// touchEvery keeps questions from being writes.
	touchEvery = 24 * time.Hour
)

// Dedup answers where a chunk is stored, as a shard in which every chunk hash is hidden under a key of this answer alone:
// the xorb that holds the chunk and xorbs that follow it in a file, all of them known to the scope.
func (s *Store) Dedup(ctx context.Context, sc Scope, chunk xet.Hash) (shard []byte, found bool, err error) {
	shard, err = s.dedup(ctx, sc, chunk)
	return shard, shard != nil, errs.Wrap("xetstore.Dedup", err)
}

func (s *Store) dedup(ctx context.Context, sc Scope, chunk xet.Hash) ([]byte, error) {
	listed, err := s.neighbourhood(ctx, sc, chunk, maxNeighbours)
	if err != nil || len(listed) == 0 {
		return nil, err
	}
	if kept, err := s.keepHandedOut(ctx, listed); !kept || err != nil {
		return nil, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:])
	now := s.now()
	return xet.BuildDedupShard(key, now, now.Add(dedupLife), listed), nil
}

// neighbourhood returns indexes of known xorbs that a chunk leads to, one that holds it first; none if no known xorb
// holds it.
func (s *Store) neighbourhood(ctx context.Context, sc Scope, chunk xet.Hash, limit int) ([]*xet.Index, error) {
	candidates, err := selectChunk(ctx, s.db, sc, chunk, limit)
	if err != nil {
		return nil, err
	}
	var listed []*xet.Index
	holder, total := -1, 0
	for _, h := range candidates {
		x, err := s.index(ctx, h)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			continue // damaged: others will do
		}
		holds := holdsChunk(x, chunk)
		if total+x.NumChunks() > maxAnswerChunks && (!holds || holder >= 0) {
			continue
		}
		if holds && holder < 0 {
			holder = len(listed)
		}
		total += x.NumChunks()
		listed = append(listed, x)
	}
	if holder < 0 {
		return nil, nil
	}
	listed[0], listed[holder] = listed[holder], listed[0]
	return listed, nil
}

func holdsChunk(x *xet.Index, chunk xet.Hash) bool {
	return slices.ContainsFunc(x.Chunks, func(c xet.ChunkInfo) bool { return c.Hash == chunk })
}

// keepHandedOut tells the collector that clients may soon refer to these xorbs. It is false if the collector was faster.
func (s *Store) keepHandedOut(ctx context.Context, listed []*xet.Index) (kept bool, err error) {
	hashes := make([]xet.Hash, len(listed))
	for i, x := range listed {
		hashes[i] = x.Hash
	}
	now := s.now()
	old, here, err := s.untouched(ctx, hashes, now.Add(-touchEvery).UnixMicro())
	if err != nil || here < len(hashes) || len(old) == 0 {
		return err == nil && here == len(hashes), err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := touchXorbs(ctx, tx, old, now.UnixMicro())
		kept = n == int64(len(old))
		return err
	})
	return kept && err == nil, err
}

// untouched are those of some xorbs, each named once, that were not touched since a time; here counts all that there are.
func (s *Store) untouched(ctx context.Context, hashes []xet.Hash, since int64) (old []xet.Hash, here int, err error) {
	err = inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In(selectTouched, keys)
		if err != nil {
			return err
		}
		var rows []oldXorb
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		here += len(rows)
		for _, r := range rows {
			if r.TouchedAt < since {
				old = append(old, xet.Hash(r.Hash))
			}
		}
		return nil
	})
	return old, here, err
}
