package content

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// hasRoom refuses files that a client is about to upload when there cannot be room for them. What the repository has
// already costs nothing, and is not known by its hash yet: so a file counts only if the repository has none of its size,
// and two that look alike count once.
func (s *Service) hasRoom(ctx context.Context, repoID string, files []Candidate, verdicts []Verdict) error {
	type look struct {
		size   int64
		sample string
	}
	looks, bytes := map[look]bool{}, int64(0)
	for i, f := range files {
		if l := (look{f.Size, f.Sample}); verdicts[i].UploadMode == ModeLFS && !verdicts[i].ShouldIgnore && !looks[l] {
			looks[l] = true
			bytes = addBytes(bytes, f.Size)
		}
	}
	err := s.quota.Room(ctx, repoID, bytes)
	if err == nil || bytes == 0 {
		return err
	}
	sizes := make([]int64, 0, len(looks))
	for l := range looks {
		sizes = append(sizes, l.size)
	}
	have, err := s.xet.HasSizes(ctx, repoID, sizes)
	if err != nil {
		return err
	}
	bytes = 0
	for l := range looks {
		if !have[l.size] {
			bytes = addBytes(bytes, l.size)
		}
	}
	return s.quota.Room(ctx, repoID, bytes)
}

// addBytes adds sizes that clients state.
func addBytes(a, b int64) int64 {
	const most = 1 << 62
	return min(a+min(b, most), most)
}

// allow lets a change through that takes a little room so that much can be freed.
func (s *Service) allow(ctx context.Context, tx *db.Tx) error {
	s.quota.Allow(ctx, tx)
	return nil
}

func overQuota(err error) bool {
	return errs.Is(err, errs.PaymentRequired) || errs.Is(err, errs.TooLarge)
}

// keep stores the pack of a push, if there is room for it.
func (p *push) keep(ctx context.Context, incoming *gitstore.Incoming) (*gitstore.Pack, error) {
	if cat := incoming.Catalog(); cat.Len() > 0 {
		if err := p.s.quota.Room(ctx, p.repo.RowID, cat.PackSize()); err != nil {
			return nil, err
		}
	}
	return incoming.Keep(ctx)
}
