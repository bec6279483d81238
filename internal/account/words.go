package account

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Where a word that somebody is found by comes from.
const (
	fromName     = "name"
	fromFullname = "fullname"
)

// SetFullnameWords has an owner found by the words of a full name, in the transaction that sets it. Those of the name
// come and go with ClaimName and ReleaseName.
func SetFullnameWords(ctx context.Context, tx *db.Tx, kind Kind, ownerID, fullname string) error {
	return setWords(ctx, tx, fromFullname, kind, ownerID, hub.Words(fullname))
}

func setWords(ctx context.Context, tx *db.Tx, source string, kind Kind, ownerID string, words []string) error {
	if _, err := tx.Exec(ctx, deleteWords, ownerID, source); err != nil {
		return errs.Wrap("account.setWords", err)
	}
	for _, w := range words {
		if _, err := tx.Exec(ctx, insertWord, ownerID, source, w, string(kind)); err != nil {
			return errs.Wrap("account.setWords", err)
		}
	}
	return nil
}

// DropWords has an owner who goes found no more; it is one of the BeforeDelete of users and organisations.
func DropWords(ctx context.Context, q db.Queryer, ownerID string) error {
	_, err := q.Exec(ctx, dropWords, ownerID)
	return errs.Wrap("account.DropWords", err)
}

const wordsAtOnce = 200

// IndexNames gives words to the owners who have none, which were there before there were words.
func (s *Service) IndexNames(ctx context.Context) error {
	for {
		var rows []struct {
			OwnerID  string `db:"owner_id"`
			Kind     string
			Name     string
			Fullname string
		}
		if err := s.db.Select(ctx, &rows, ownersWithoutWords, wordsAtOnce); err != nil || len(rows) == 0 {
			return errs.Wrap("account.IndexNames", err)
		}
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			for _, r := range rows {
				words := hub.Words(r.Name)
				if len(words) == 0 {
					words = []string{"-"} // found by nothing, and not looked at again
				}
				if err := setWords(ctx, tx, fromName, Kind(r.Kind), r.OwnerID, words); err != nil {
					return err
				}
				if err := SetFullnameWords(ctx, tx, Kind(r.Kind), r.OwnerID, r.Fullname); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errs.Wrap("account.IndexNames", err)
		}
	}
}

// Words that owners are found by.
const (
	insertWord  = `INSERT INTO namespace_word (owner_id, source, word, kind) VALUES (?, ?, ?, ?)`
	deleteWords = `DELETE FROM namespace_word WHERE owner_id = ? AND source = ?`
	dropWords   = `DELETE FROM namespace_word WHERE owner_id = ?`

	ownersWithoutWords = `
		SELECT n.owner_id, n.kind, n.name, COALESCE(u.fullname, '') AS fullname
		FROM namespace n LEFT JOIN users u ON u.id = n.owner_id
		WHERE n.held_until IS NULL AND NOT EXISTS (
			SELECT 1 FROM namespace_word w WHERE w.owner_id = n.owner_id AND w.source = 'name')
		LIMIT ?`
)
