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

// DeleteRepo removes a repository's rows and has its blobs freed later; one that is absent is fine.
func (s *Store) DeleteRepo(ctx context.Context, tx *db.Tx, repoID string) error {
	if err := s.noteGarbage(ctx, tx, repoID, nil); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM git_repo WHERE repo_id = ?`, repoID)
	tx.AfterCommit(func() { s.forget(repoID) })
	return errs.Wrap("gitstore.DeleteRepo", err)
}
