package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	deleteWords = `DELETE FROM repo_word WHERE repo_id = ?`
	showWords   = `UPDATE repo_word SET visibility = ? WHERE repo_id = ?`

	// The row says whose it is and who may see it.
	insertWord = `
		INSERT INTO repo_word (repo_id, word, type, visibility, owner_id)
		SELECT id, CAST(? AS TEXT), type, visibility, owner_id FROM repo WHERE id = ?`

	reposWithoutWords = `
		SELECT r.id, r.name FROM repo r WHERE NOT EXISTS (SELECT 1 FROM repo_word w WHERE w.repo_id = r.id) LIMIT ?`
)

// writeWords has a repository found by the words of its name, after its row was written.
func writeWords(ctx context.Context, tx *db.Tx, id, name string) error {
	if _, err := tx.Exec(ctx, deleteWords, id); err != nil {
		return err
	}
	words := hub.Words(name)
	if len(words) == 0 {
		words = []string{"-"} // found by nothing, and not looked at again
	}
	for _, w := range words {
		if _, err := tx.Exec(ctx, insertWord, w, id); err != nil {
			return err
		}
	}
	return nil
}

const wordsAtOnce = 200

// IndexNames gives words to the repositories that have none, which were there before there were words.
func (s *Service) IndexNames(ctx context.Context) error {
	for {
		var rows []struct{ ID, Name string }
		if err := s.db.Select(ctx, &rows, reposWithoutWords, wordsAtOnce); err != nil || len(rows) == 0 {
			return errs.Wrap("repo.IndexNames", err)
		}
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			for _, r := range rows {
				if err := writeWords(ctx, tx, r.ID, r.Name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errs.Wrap("repo.IndexNames", err)
		}
	}
}
