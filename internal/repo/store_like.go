package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
)

const (
	insertLike = `
		INSERT INTO repo_like (repo_id, user_id, created_at)
		SELECT id, CAST(? AS TEXT), CAST(? AS BIGINT) FROM repo WHERE id = ? ON CONFLICT (repo_id, user_id) DO NOTHING`

	deleteLike = `DELETE FROM repo_like WHERE repo_id = ? AND user_id = ?`

	// The number is what the rows say, not what it was and one more.
	countLikes = `UPDATE repo SET likes = (SELECT COUNT(*) FROM repo_like WHERE repo_id = ?) WHERE id = ?`

	uncountLikes  = `UPDATE repo SET likes = likes - 1 WHERE id IN (SELECT repo_id FROM repo_like WHERE user_id = ?)`
	deleteLikesOf = `DELETE FROM repo_like WHERE user_id = ?`

	likedOf = `SELECT repo_id FROM repo_like WHERE user_id = ? AND repo_id IN (?)`

	listLikers = `
		SELECT user_id, created_at FROM repo_like
		WHERE repo_id = ? AND created_at <= ? AND (created_at < ? OR user_id < ?)
		ORDER BY created_at DESC, user_id DESC LIMIT ?`

	fragLikesOf = `
		SELECT l.repo_id, l.created_at, r.type, r.namespace, r.name
		FROM repo_like l JOIN repo r ON r.id = l.repo_id
		WHERE l.user_id = ? AND l.created_at <= ? AND (l.created_at < ? OR l.repo_id < ?)`
	fragLatestLikes = ` ORDER BY l.created_at DESC, l.repo_id DESC LIMIT ?`

	fragCountLikes = `SELECT COUNT(*) FROM (SELECT 1 AS one FROM repo_like l JOIN repo r ON r.id = l.repo_id WHERE l.user_id = ?`
	fragCounted    = ` LIMIT ?) AS counted`
)

// selectInto runs the statement with its lists of parameters spread out.
func (b *statement) selectInto(ctx context.Context, q db.Queryer, dst any) error {
	text, args, err := db.In(b.text, b.args...)
	if err != nil {
		return err
	}
	return q.Select(ctx, dst, text, args...)
}
