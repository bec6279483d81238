package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Move gives a repository another name, in the same namespace or in another one where the actor may create. The old
// name leads to the new one from then on.
func (s *Service) Move(ctx context.Context, actor hub.Actor, from, to hub.RepoID) (*Repo, error) {
	r, _, err := s.Find(ctx, nil, from)
	if err != nil {
		return nil, err
	}
	if err := s.authz.Repo(ctx, actor, r.Subject(), authz.RepoAdmin); err != nil {
		return nil, err
	}
	owner, err := account.Namespace(ctx, s.db, to.Namespace)
	if err != nil {
		return nil, err
	}
	if err := s.authz.CreateIn(ctx, actor, owner.ID, owner.Kind); err != nil {
		return nil, err
	}
	if err := CheckName(to.Namespace, to.Name); err != nil {
		return nil, err
	}
	to = hub.RepoID{Type: r.Type, Namespace: owner.Name, Name: to.Name}
	err = s.db.Tx(ctx, func(tx *db.Tx) error { return s.rename(ctx, tx, actor, r, owner.ID, to) })
	if err != nil {
		return nil, taken(err, to)
	}
	return s.Get(ctx, nil, r.RowID)
}

// rename runs in the transaction: the repository must still be where the right to move it was checked.
func (s *Service) rename(ctx context.Context, tx *db.Tx, actor hub.Actor, seen *Repo, ownerID string, to hub.RepoID) error {
	r, err := byRowID(ctx, tx, seen.RowID)
	if err != nil {
		return err
	}
	if r == nil {
		return errs.RepoNotFound()
	}
	old := r.ID()
	if old != seen.ID() || r.OwnerID != seen.OwnerID {
		return errs.New(errs.Conflict, "The repository was moved meanwhile to %s", old)
	}
	if err := sameOwner(ctx, tx, to.Namespace, ownerID); err != nil {
		return err
	}
	if r.OwnerID != ownerID && !r.Private() {
		rules, err := s.rules(ctx, tx, ownerID)
		if err != nil {
			return err
		}
		if _, err := rules.admit(r.Visibility, ""); err != nil {
			return err
		}
	}
	if old.Key() != to.Key() {
		if err := s.makeWay(ctx, tx, r, old, to, ownerID); err != nil {
			return err
		}
	}
	if err := renameRepo(ctx, tx, r.RowID, ownerID, to); err != nil {
		return err
	}
	s.quota.Place(ctx, tx, r.RowID, ownerID, r.Private())
	return s.record(ctx, tx, "repo.move", actor, r, map[string]any{"to": to.String()})
}

// makeWay checks that the new name is free and leaves a redirect at the old one. A repository may always go back to a
// name that it had.
func (s *Service) makeWay(ctx context.Context, tx *db.Tx, r *Repo, old, to hub.RepoID, ownerID string) error {
	there, err := byKey(ctx, tx, to.Type, to.Key())
	if err != nil {
		return err
	}
	if there != nil {
		return existsAlready(to)
	}
	target, _, err := redirectOwner(ctx, tx, to.Type, to.Key())
	if err != nil {
		return err
	}
	if target == r.RowID {
		ownerID = r.OwnerID
	}
	if err := freeName(ctx, tx, to, ownerID); err != nil {
		return err
	}
	return keepOldName(ctx, tx, old, r.RowID, s.now())
}
