package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Usage is how many bytes a repository's packs take.
func (s *Store) Usage(ctx context.Context, q db.Queryer, repoID string) (bytes int64, err error) {
	err = q.Get(ctx, &bytes, `SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM git_pack WHERE repo_id = ?`, repoID)
	return bytes, errs.Wrap("gitstore.Usage", err)
}
