package repo

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// idsAtOnce bounds the parameters of one statement.
const idsAtOnce = 500

// IDs are the names of repositories by their row ids. Those that are gone are left out.
func (s *Service) IDs(ctx context.Context, rowIDs []string) (map[string]hub.RepoID, error) {
	rowIDs = slices.Clone(rowIDs)
	slices.Sort(rowIDs)
	ids := map[string]hub.RepoID{}
	for some := range slices.Chunk(slices.Compact(rowIDs), idsAtOnce) {
		query, args, err := db.In(selectNames, some)
		if err != nil {
			return nil, errs.Wrap("repo.IDs", err)
		}
		var rows []struct {
			ID              string
			Type            hub.RepoType
			Namespace, Name string
		}
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return nil, errs.Wrap("repo.IDs", err)
		}
		for _, r := range rows {
			ids[r.ID] = hub.RepoID{Type: r.Type, Namespace: r.Namespace, Name: r.Name}
		}
	}
	return ids, nil
}

// Visible are the repositories of these row ids that an actor may see. The others are left out like those that are gone.
func (s *Service) Visible(ctx context.Context, actor hub.Actor, rowIDs []string) (map[string]hub.RepoID, error) {
	found := map[string]hub.RepoID{}
	if len(rowIDs) == 0 {
		return found, nil
	}
	readable, err := s.authz.Readable(ctx, actor)
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(rowIDs, idsAtOnce) {
		query, args, err := db.In(selectOwned, some)
		if err != nil {
			return nil, errs.Wrap("repo.Visible", err)
		}
		var rows []*Repo
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return nil, errs.Wrap("repo.Visible", err)
		}
		for _, r := range rows {
			if !r.Private() || readable.Has(r.Subject()) {
				found[r.RowID] = r.ID()
			}
		}
	}
	return found, nil
}
