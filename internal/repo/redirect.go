package repo

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
)

// A redirect points to a repository, not to another name, so a chain of moves has no links to follow: every old name
// leads to the newest. Redirects go away with their repository.

// redirectOwner is the owner of the repository that a name redirects to; empty when it does not redirect.
func redirectOwner(ctx context.Context, q db.Queryer, typ hub.RepoType, key string) (repoID, ownerID string, err error) {
	var row struct {
		ID      string `db:"id"`
		OwnerID string `db:"owner_id"`
	}
	err = q.Get(ctx, &row, `SELECT r.id, r.owner_id FROM repo_redirect d JOIN repo r ON r.id = d.repo_id
		WHERE d.type = ? AND d.name_key = ?`, typ, key)
	if db.IsNoRows(err) {
		err = nil
	}
	return row.ID, row.OwnerID, err
}

// freeName makes sure that ownerID may take a name: an old name is taken away from its repository only by the owner
// of that repository, since whoever follows the old name expects what they saw there before. It reports the name taken
// otherwise.
func freeName(ctx context.Context, tx *db.Tx, id hub.RepoID, ownerID string) error {
	target, owner, err := redirectOwner(ctx, tx, id.Type, id.Key())
	if err != nil || target == "" {
		return err
	}
	if owner != ownerID {
		return existsAlready(id)
	}
	_, err = tx.Exec(ctx, `DELETE FROM repo_redirect WHERE type = ? AND name_key = ?`, id.Type, id.Key())
	return err
}

// keepOldName lets a repository's old name lead to it.
func keepOldName(ctx context.Context, tx *db.Tx, old hub.RepoID, repoID string, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO repo_redirect (type, name_key, repo_id, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (type, name_key) DO UPDATE SET repo_id = excluded.repo_id, created_at = excluded.created_at`,
		old.Type, old.Key(), repoID, now.UnixMicro())
	return err
}
