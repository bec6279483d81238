package xetstore

import (
	"context"
	"errors"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// errNoFile is the answer for a file that the repository does not have, whether or not others have it.
var errNoFile = errs.New(errs.NotFound, "File not found")

// Reconstruct plans how to make the bytes [from, to) of a file of a repository; to is cut to the file's size. A file that
// the repository does not have is errs.NotFound, a range beyond its end errs.RangeUnsatisfiable.
func (s *Store) Reconstruct(ctx context.Context, repoID string, hash xet.Hash, from, to uint64) (*xet.Reconstruction, error) {
	_, found, err := s.ByHash(ctx, nil, repoID, hash)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errNoFile
	}
	t, err := s.termsOf(ctx, hash)
	if err != nil {
		return nil, errs.Wrap("xetstore.Reconstruct", err)
	}
	plan, err := xet.Plan(t.segments, uint64(t.size), from, to, s.indexFor(ctx))
	switch {
	case errors.Is(err, xet.ErrRange):
		return nil, errs.New(errs.RangeUnsatisfiable, "The range begins beyond the end of the file")
	case err != nil:
		return nil, errs.Wrap("xetstore.Reconstruct", s.damaged("terms of file "+hash.String(), err))
	}
	return plan, nil
}
