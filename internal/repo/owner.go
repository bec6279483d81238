package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// CheckUserDelete refuses to let an owner go while repositories would be left behind.
func CheckUserDelete(ctx context.Context, q db.Queryer, ownerID string) error {
	var n int64
	if err := q.Get(ctx, &n, `SELECT count(*) FROM repo WHERE owner_id = ?`, ownerID); err != nil {
		return errs.Wrap("repo.CheckUserDelete", err)
	}
	if n > 0 {
		return errs.New(errs.Conflict, "The account still owns %d repositories: delete or move them first.", n)
	}
	return nil
}
