package quota

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Wrong is a number of stored bytes that is not what there is.
type Wrong struct {
	RepoID, OwnerID string // one of them
	Kept, Found     int64  // bytes
}

// Check counts anew what everybody stores, as Recount does, and tells what differs instead of repairing it. With a
// repository's id, it looks at that one.
func (s *Service) Check(ctx context.Context, repoID string, tell func(Wrong)) error {
	return errs.Wrap("quota.Check", s.compare(ctx, repoID, tell))
}

func (s *Service) compare(ctx context.Context, repoID string, tell func(Wrong)) error {
	if repoID != "" {
		return s.compareRepo(ctx, repoID, tell)
	}
	for after := ""; ; {
		var rows []repoRow
		if err := s.DB.Select(ctx, &rows, selectPage, after, recountPage); err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].RepoID
		if err := s.compareRepos(ctx, rows, tell); err != nil {
			return err
		}
	}
	for after := ""; ; {
		var rows []ownerRow
		if err := s.DB.Select(ctx, &rows, selectOwners, after, recountPage); err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].OwnerID
		if err := s.compareOwners(ctx, rows, tell); err != nil {
			return err
		}
	}
}

func (s *Service) compareRepos(ctx context.Context, rows []repoRow, tell func(Wrong)) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].RepoID
	}
	large, packs, err := s.measure(ctx, s.DB, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Large != large[r.RepoID] || r.Packs != packs[r.RepoID] {
			if err := s.compareRepo(ctx, r.RepoID, tell); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareRepo looks at one in a transaction, where nothing changes between two reads.
func (s *Service) compareRepo(ctx context.Context, id string, tell func(Wrong)) error {
	var w *Wrong
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		w = nil
		row, err := getRepo(ctx, tx, id)
		if err != nil || row == nil {
			return err
		}
		large, packs, err := s.measure(ctx, tx, []string{id})
		if err == nil && (row.Large != large[id] || row.Packs != packs[id]) {
			w = &Wrong{RepoID: id, Kept: row.total(), Found: large[id] + packs[id]}
		}
		return err
	})
	if err == nil && w != nil {
		tell(*w)
	}
	return err
}

func (s *Service) compareOwners(ctx context.Context, rows []ownerRow, tell func(Wrong)) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].OwnerID
	}
	sums, err := getSums(ctx, s.DB, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if sum := sums[r.OwnerID]; r.Stale || sum.Private == r.PrivateUsed && sum.Public == r.PublicUsed {
			continue
		}
		if err := s.compareOwner(ctx, r.OwnerID, tell); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) compareOwner(ctx context.Context, id string, tell func(Wrong)) error {
	var w *Wrong
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		w = nil
		sums, err := getSums(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		row, err := getOwner(ctx, tx, id)
		if err != nil || row == nil || row.Stale { // a stale number is used by nobody
			return err
		}
		if sum := sums[id]; !row.Stale && (sum.Private != row.PrivateUsed || sum.Public != row.PublicUsed) {
			w = &Wrong{OwnerID: id, Kept: row.PrivateUsed + row.PublicUsed, Found: sum.Private + sum.Public}
		}
		return nil
	})
	if err == nil && w != nil {
		tell(*w)
	}
	return err
}
