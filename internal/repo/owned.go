package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	fragCountOwned = `SELECT r.type, COUNT(*) AS n FROM repo r WHERE r.owner_id = ?`
	fragByType     = ` GROUP BY r.type`
)

// CountOwned is how many repositories of each type an owner has that the actor may see.
func (s *Service) CountOwned(ctx context.Context, actor hub.Actor, ownerID string) (map[hub.RepoType]int64, error) {
	b := statement{text: fragCountOwned, args: []any{ownerID}}
	if err := s.visible(ctx, actor, &b); err != nil {
		return nil, err
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
