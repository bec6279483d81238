package repo

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// OwnerRules are what an owner has decided for all repositories of theirs. The zero value leaves all to who makes them.
type OwnerRules struct {
	DefaultVisibility hub.Visibility // of a new repository of which nothing is said; empty: public
	ForcePrivate      bool           // no repository becomes public, or comes here as a public one
}

// rules are those of an owner, read in the transaction that they bind.
func (s *Service) rules(ctx context.Context, q db.Queryer, ownerID string) (OwnerRules, error) {
	if s.hooks.OwnerRules == nil {
		return OwnerRules{}, nil
	}
	return s.hooks.OwnerRules(ctx, q, ownerID)
}

// admit decides how visible a repository is that comes to an owner: asked is what was asked for, other is what holds if
// nothing was.
func (o OwnerRules) admit(asked, other hub.Visibility) (hub.Visibility, error) {
	switch {
	case asked == hub.Public && o.ForcePrivate:
		return "", errs.New(errs.Forbidden, "This organization keeps all of its repositories private: make the repository private")
	case asked != "":
		return asked, nil
	case o.ForcePrivate:
		return hub.Private, nil
	}
	return other, nil
}

// ofNew is what a new repository is of which nothing is said.
func (o OwnerRules) ofNew() hub.Visibility {
	if o.DefaultVisibility == "" {
		return hub.Public
	}
	return o.DefaultVisibility
}

// CheckUserDelete refuses to let a user go while repositories would be left behind.
func CheckUserDelete(ctx context.Context, q db.Queryer, ownerID string) error {
	return ownsNothing(ctx, q, ownerID, "The account still owns %d repositories: delete or move them first.")
}

// CheckOrgDelete refuses to let an organisation go while repositories would be left behind.
func CheckOrgDelete(ctx context.Context, q db.Queryer, ownerID string) error {
	return ownsNothing(ctx, q, ownerID, "The organization still owns %d repositories: delete or move them first, or delete it together with them.")
}

func ownsNothing(ctx context.Context, q db.Queryer, ownerID, refusal string) error {
	var n int64
	if err := q.Get(ctx, &n, `SELECT count(*) FROM repo WHERE owner_id = ?`, ownerID); err != nil {
		return errs.Wrap("repo.CheckUserDelete", err)
	}
	if n > 0 {
		return errs.New(errs.Conflict, refusal, n)
	}
	return nil
}

// OwnedBy names some repositories of an owner, at most limit.
func (s *Service) OwnedBy(ctx context.Context, ownerID string, limit int) ([]hub.RepoID, error) {
	var rows []struct {
		Type      hub.RepoType
		Namespace string
		Name      string
	}
	err := s.db.Select(ctx, &rows, `SELECT type, namespace, name FROM repo WHERE owner_id = ? ORDER BY type, id LIMIT ?`, ownerID, limit)
	if err != nil {
		return nil, errs.Wrap("repo.OwnedBy", err)
	}
	ids := make([]hub.RepoID, len(rows))
	for i, r := range rows {
		ids[i] = hub.RepoID{Type: r.Type, Namespace: r.Namespace, Name: r.Name}
	}
	return ids, nil
}

// The statements that take an owner's repositories to another namespace. Repository names are ASCII, so lower is the
// same in both databases and in hub.RepoID.Key.
const (
	longestName = `SELECT COALESCE(MAX(length(name)), 0) FROM repo WHERE owner_id = ?`

	shadowedByRename = `
		SELECT r.name FROM repo r
		JOIN repo_redirect d ON d.type = r.type AND d.name_key = CAST(? AS TEXT) || lower(r.name)
		JOIN repo t ON t.id = d.repo_id
		WHERE r.owner_id = ? AND t.owner_id <> r.owner_id ORDER BY r.name LIMIT 1`

	dropOwnRedirects = `
		DELETE FROM repo_redirect WHERE EXISTS (
			SELECT 1 FROM repo r WHERE r.owner_id = ? AND r.type = repo_redirect.type
			AND repo_redirect.name_key = CAST(? AS TEXT) || lower(r.name))`

	keepOldNames = `
		INSERT INTO repo_redirect (type, name_key, repo_id, created_at)
		SELECT type, name_key, id, CAST(? AS BIGINT) FROM repo WHERE owner_id = ?
		ON CONFLICT (type, name_key) DO UPDATE SET repo_id = excluded.repo_id, created_at = excluded.created_at`

	renameOwned = `UPDATE repo SET namespace = ?, name_key = CAST(? AS TEXT) || lower(name) WHERE owner_id = ?`
)

// RenameOwner takes all repositories of a user or organisation to their owner's new name, in the transaction that
// changes it: account.ClaimName has given the name to the same owner. The old names lead to the new ones. It refuses
// with a Conflict where a repository would hide an old name of somebody else's.
func (s *Service) RenameOwner(ctx context.Context, tx *db.Tx, owner account.Owner, to string) error {
	key := strings.ToLower(to) + "/"
	if err := s.renamable(ctx, tx, owner, to, key); err != nil {
		return errs.Wrap("repo.RenameOwner", err)
	}
	if !strings.EqualFold(owner.Name, to) {
		if _, err := tx.Exec(ctx, dropOwnRedirects, owner.ID, key); err != nil {
			return errs.Wrap("repo.RenameOwner", err)
		}
		if _, err := tx.Exec(ctx, keepOldNames, s.now().UnixMicro(), owner.ID); err != nil {
			return errs.Wrap("repo.RenameOwner", err)
		}
	}
	_, err := tx.Exec(ctx, renameOwned, to, key, owner.ID)
	return errs.Wrap("repo.RenameOwner", err)
}

func (s *Service) renamable(ctx context.Context, tx *db.Tx, owner account.Owner, to, key string) error {
	var longest int
	if err := tx.Get(ctx, &longest, longestName, owner.ID); err != nil {
		return err
	}
	if longest > 0 && len(to)+1+longest > MaxName {
		return errs.New(errs.Invalid, "With the name %q the id of a repository would be longer than %d characters", to, MaxName)
	}
	var name string
	err := tx.Get(ctx, &name, shadowedByRename, key, owner.ID)
	switch {
	case db.IsNoRows(err):
		return nil
	case err != nil:
		return err
	}
	return errs.New(errs.Conflict, "%s/%s is an old name of somebody else's repository: rename yours first, or choose another name", to, name)
}
