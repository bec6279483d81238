package account

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// ByIDs reads users by their ids, at most a page of them. Those that are gone are left out.
func (s *Service) ByIDs(ctx context.Context, ids []string) (map[string]*User, error) {
	users := make(map[string]*User, len(ids))
	if len(ids) == 0 {
		return users, nil
	}
	query, args, err := db.In(getUsersByID, ids)
	if err != nil {
		return nil, errs.Wrap("account.ByIDs", err)
	}
	var rows []userRow
	if err := s.db.Select(ctx, &rows, query, args...); err != nil {
		return nil, errs.Wrap("account.ByIDs", err)
	}
	for _, r := range rows {
		users[r.ID] = r.user()
	}
	return users, nil
}
