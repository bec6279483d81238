package xetstore

import (
	"context"
	"errors"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// errNoFile is the answer for a file that the repository does not have, whether or not others have it.
var errNoFile = errs.New(errs.NotFound, "File not found")

// Reconstruct plans how to make the bytes [from, to) of a file of a repository; to is cut to the file's size. A range
// beyond its end is errs.RangeUnsatisfiable. The plan names no xorb but those that the repository got the file by.
func (s *Store) Reconstruct(ctx context.Context, f File, from, to uint64) (*xet.Reconstruction, error) {
	if some, err := s.isHurt(ctx); err != nil {
		return nil, errs.Wrap("xetstore.Reconstruct", err)
	} else if some {
		s.terms.Remove(termsKey{f.RepoID, f.Hash}) // another node may have got the file anew, of other xorbs
	}
	segments, err := s.termsOf(ctx, f)
	if err != nil {
		return nil, errs.Wrap("xetstore.Reconstruct", err)
	}
	plan, err := s.planNow(ctx, segments, uint64(f.Size), from, to)
	switch {
	case errors.Is(err, xet.ErrRange):
		return nil, errs.New(errs.RangeUnsatisfiable, "The range begins beyond the end of the file")
	case err != nil:
		return nil, errs.Wrap("xetstore.Reconstruct", s.damaged("terms of file "+f.Hash.String(), err))
	}
	return plan, nil
}

// planNow plans by the xorbs as they are stored now. Who fetches by a plan from elsewhere than this node, be it from the
// store itself, cannot tell that it was made of an index that another node's upload has outdated: every attempt would fail.
func (s *Store) planNow(ctx context.Context, segments []xet.Segment, size, from, to uint64) (*xet.Reconstruction, error) {
	plan, err := xet.Plan(segments, size, from, to, s.indexFor(ctx))
	if err != nil || !s.far {
		return plan, err
	}
	stale, err := s.dropStale(ctx, plan)
	if err != nil || !stale {
		return plan, err
	}
	return xet.Plan(segments, size, from, to, s.indexFor(ctx))
}

// dropStale forgets what this node has in memory, and on its disk, of a plan's xorbs that have bodies of another length by
// their rows, and reports whether there were any.
func (s *Store) dropStale(ctx context.Context, plan *xet.Reconstruction) (stale bool, err error) {
	hashes := make([]xet.Hash, len(plan.Xorbs))
	for i := range plan.Xorbs {
		hashes[i] = plan.Xorbs[i].Xorb
	}
	err = inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In(selectBodies, keys)
		if err != nil {
			return err
		}
		var rows []xorbRow
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for i := range rows {
			h := xet.Hash(rows[i].Hash)
			if x, ok := s.indexes.Get(h); ok && x.BodyLen() != rows[i].BodySize {
				s.indexes.Remove(h)
				blob.Forget(s.blobs, xorbKey(h))
				stale = true
			}
		}
		return nil
	})
	return stale, err
}
