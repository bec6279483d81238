package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Init makes an empty repository. One that exists: errs.Conflict.
func (s *Store) Init(ctx context.Context, q db.Queryer, repoID string) error {
	n, err := q.Exec(ctx, `INSERT INTO git_repo (repo_id) VALUES (?) ON CONFLICT (repo_id) DO NOTHING`, repoID)
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "Repository %s exists", repoID)
	}
	return errs.Wrap("gitstore.Init", err)
}

// CopyRepo makes toID a copy of fromID: refs and packs, by rows. Both name the same blobs, which never change.
func (s *Store) CopyRepo(ctx context.Context, tx *db.Tx, fromID, toID string) error {
	n, err := tx.Exec(ctx, `INSERT INTO git_repo (repo_id, pack_seq, fold_epoch)
		SELECT CAST(? AS TEXT), pack_seq, fold_epoch FROM git_repo WHERE repo_id = ?`, toID, fromID)
	if db.IsUnique(err) {
		return errs.New(errs.Conflict, "Repository %s exists", toID)
	}
	if err == nil && n == 0 {
		return errs.RepoNotFound()
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO git_ref (repo_id, name, oid, updated_at)
			SELECT CAST(? AS TEXT), name, oid, updated_at FROM git_ref WHERE repo_id = ?`, toID, fromID)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO git_pack
			(repo_id, seq, hash, objects, size, pack_key, index_key, pack, idx, created_at)
			SELECT CAST(? AS TEXT), seq, hash, objects, size, pack_key, index_key, pack, idx, created_at
			FROM git_pack WHERE repo_id = ?`, toID, fromID)
	}
	return errs.Wrap("gitstore.CopyRepo", err)
}

// DeleteRepo removes a repository's rows; one that is absent is fine.
func (s *Store) DeleteRepo(ctx context.Context, tx *db.Tx, repoID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM git_repo WHERE repo_id = ?`, repoID)
	tx.AfterCommit(func() { s.forget(repoID) })
	return errs.Wrap("gitstore.DeleteRepo", err)
}
