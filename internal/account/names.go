package account

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// namesAtOnce bounds the parameters of one statement.
const namesAtOnce = 500

// Names returns the names of users by their ids. Those who are no more are left out.
func Names(ctx context.Context, q db.Queryer, ids []string) (map[string]string, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	names := map[string]string{}
	for some := range slices.Chunk(slices.Compact(ids), namesAtOnce) {
		query, args, err := db.In(namesOfUsers, some)
		if err != nil {
			return nil, errs.Wrap("account.Names", err)
		}
		var rows []struct{ ID, Name string }
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return nil, errs.Wrap("account.Names", err)
		}
		for _, r := range rows {
			names[r.ID] = r.Name
		}
	}
	return names, nil
}

// Owners finds users and organisations by their ids. Those who are no more are left out.
func (s *Service) Owners(ctx context.Context, ids []string) (map[string]Owner, error) {
	owners := map[string]Owner{}
	for some := range slices.Chunk(ids, namesAtOnce) {
		query, args, err := db.In(getNamespaces, some)
		if err != nil {
			return nil, errs.Wrap("account.Owners", err)
		}
		var rows []struct {
			OwnerID string `db:"owner_id"`
			Kind    string
			Name    string
		}
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return nil, errs.Wrap("account.Owners", err)
		}
		for _, r := range rows {
			owners[r.OwnerID] = Owner{ID: r.OwnerID, Kind: Kind(r.Kind), Name: r.Name}
		}
	}
	return owners, nil
}
