package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
)

const (
	selectPlace  = `SELECT id, owner_id, visibility FROM repo WHERE id = ?`
	selectPlaces = `SELECT id, owner_id, visibility FROM repo WHERE id > ? ORDER BY id LIMIT ?`
)

type placeRow struct {
	ID         string
	OwnerID    string `db:"owner_id"`
	Visibility hub.Visibility
}

func (r placeRow) placed() quota.Placed {
	return quota.Placed{RepoID: r.ID, OwnerID: r.OwnerID, Private: r.Visibility != hub.Public}
}

// PlaceOf says whose a repository is; nil: there is none. With Places it is quota.Repos.
func (s *Service) PlaceOf(ctx context.Context, q db.Queryer, repoID string) (*quota.Placed, error) {
	var row placeRow
	err := q.Get(ctx, &row, selectPlace, repoID)
	if db.IsNoRows(err) {
		return nil, nil
	}
	p := row.placed()
	return &p, errs.Wrap("repo.PlaceOf", err)
}

// Places says of a page of all repositories whose they are, in the order of their ids.
func (s *Service) Places(ctx context.Context, q db.Queryer, after string, limit int) ([]quota.Placed, error) {
	var rows []placeRow
	err := q.Select(ctx, &rows, selectPlaces, after, limit)
	list := make([]quota.Placed, len(rows))
	for i, r := range rows {
		list[i] = r.placed()
	}
	return list, errs.Wrap("repo.Places", err)
}
