package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Usages is what Usage tells, of many repositories at once. Those without packs are left out.
func (s *Store) Usages(ctx context.Context, q db.Queryer, repoIDs []string) (map[string]int64, error) {
	query, args, err := db.In(`SELECT repo_id, CAST(sum(size) AS BIGINT) AS bytes FROM git_pack WHERE repo_id IN (?) GROUP BY repo_id`, repoIDs)
	if err != nil {
		return nil, errs.Wrap("gitstore.Usages", err)
	}
	var rows []struct {
		RepoID string `db:"repo_id"`
		Bytes  int64
	}
	err = q.Select(ctx, &rows, query, args...)
	sums := make(map[string]int64, len(rows))
	for _, r := range rows {
		sums[r.RepoID] = r.Bytes
	}
	return sums, errs.Wrap("gitstore.Usages", err)
}

// Usage is how many bytes a repository's packs take.
func (s *Store) Usage(ctx context.Context, q db.Queryer, repoID string) (bytes int64, err error) {
	err = q.Get(ctx, &bytes, `SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM git_pack WHERE repo_id = ?`, repoID)
	return bytes, errs.Wrap("gitstore.Usage", err)
}
