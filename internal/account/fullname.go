package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// SetFullname changes a user's full name as part of a change of the profile, which records it.
func (s *Service) SetFullname(ctx context.Context, tx *db.Tx, id, name string) error {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxFullname || !db.IsText(name) || strings.ContainsFunc(name, isControl) {
		return errs.New(errs.Invalid, "The full name must have at most %d characters and no control characters", maxFullname)
	}
	if _, err := tx.Exec(ctx, setFullname, name, id); err != nil {
		return errs.Wrap("account.SetFullname", err)
	}
	return SetFullnameWords(ctx, tx, KindUser, id, name)
}
