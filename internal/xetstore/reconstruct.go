package xetstore

import (
	"context"
	"errors"

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
	plan, err := xet.Plan(segments, uint64(f.Size), from, to, s.indexFor(ctx))
	switch {
	case errors.Is(err, xet.ErrRange):
		return nil, errs.New(errs.RangeUnsatisfiable, "The range begins beyond the end of the file")
	case err != nil:
		return nil, errs.Wrap("xetstore.Reconstruct", s.damaged("terms of file "+f.Hash.String(), err))
	}
	return plan, nil
}
