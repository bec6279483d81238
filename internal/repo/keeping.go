package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
)

// KeepingVersions lists, by their ids from after one on, repositories that keep some versions of a large file only: those
// that say so themselves, and said so since it has an effect, or all.
func (s *Service) KeepingVersions(ctx context.Context, all bool, after string, limit int) (ids []string, err error) {
	query := `SELECT id FROM repo WHERE lfs_keep_versions IS NOT NULL AND lfs_keep_since IS NOT NULL AND id > ? ORDER BY id LIMIT ?`
	if all {
		query = `SELECT id FROM repo WHERE id > ? ORDER BY id LIMIT ?`
	}
	err = s.db.Select(ctx, &ids, query, after, limit)
	return ids, errs.Wrap("repo.KeepingVersions", err)
}
