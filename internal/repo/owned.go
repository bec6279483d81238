package repo

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	fragCountOwned = `SELECT r.type, COUNT(*) AS n FROM repo r WHERE r.owner_id = ?`
	fragByType     = ` GROUP BY r.type`
)

// CountOwned is how many repositories of each type an owner has that the actor may see.
func (s *Service) CountOwned(ctx context.Context, actor hub.Actor, ownerID string) (map[hub.RepoType]int64, error) {
	owners, all, err := s.authz.ReadableOwners(ctx, actor)
	if err != nil {
		return nil, err
	}
	b := statement{text: fragCountOwned, args: []any{ownerID}}
	if !all && !slices.Contains(owners, ownerID) {
		b.add(fragPublic) // said so simply, an index answers alone
	}
	b.add(fragByType)
	var rows []struct {
		Type hub.RepoType `db:"type"`
		N    int64        `db:"n"`
	}
	if err := b.selectInto(ctx, s.db, &rows); err != nil {
		return nil, errs.Wrap("repo.CountOwned", err)
	}
	n := map[hub.RepoType]int64{}
	for _, r := range rows {
		n[r.Type] = r.N
	}
	return n, nil
}
