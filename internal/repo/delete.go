package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
)

// Delete removes a repository. It is gone from every door at once, with the redirects to it; what it has is removed when
// keep-deleted is over (Purge), and the bytes that nothing names any more are collected later.
func (s *Service) Delete(ctx context.Context, actor hub.Actor, id hub.RepoID) error {
	r, redirected, err := s.Find(ctx, nil, id)
	if err != nil {
		return err
	}
	if err := s.authz.Repo(ctx, actor, r.Subject(), authz.RepoAdmin); err != nil {
		return err
	}
	if redirected { // whoever deletes names what is to go, not what it was called once
		return errs.New(errs.Conflict, "The repository was moved: delete it under its new name %s", r.ID())
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := byRowID(ctx, tx, r.RowID)
		if err != nil {
			return err
		}
		if now == nil || now.ID() != r.ID() || now.OwnerID != r.OwnerID {
			return errs.RepoNotFound()
		}
		return s.erase(ctx, tx, actor, now)
	})
	return errs.Wrap("repo.Delete", err)
}

// erase takes the repository from every door at once, and keeps what it has for as long as deleted repositories are kept.
func (s *Service) erase(ctx context.Context, tx *db.Tx, actor hub.Actor, r *Repo) error {
	held, err := hold.OfRepo(ctx, tx, r.RowID)
	if err != nil {
		return err
	}
	if _, err := deleteRepo(ctx, tx, r.RowID); err != nil {
		return err
	}
	s.quota.Drop(ctx, tx, r.RowID)
	if s.keepDeleted > 0 || held {
		err = s.shelve(ctx, tx, actor, r)
		if err == nil && s.hooks.HideFiles != nil {
			err = s.hooks.HideFiles(ctx, tx, r.RowID)
		}
	} else {
		err = s.dropContent(ctx, tx, r.RowID)
	}
	if err != nil {
		return err
	}
	return s.record(ctx, tx, "repo.delete", actor, r, nil)
}
