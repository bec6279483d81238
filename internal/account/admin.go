package account

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// FirstAdmin is the account of a hub's first start, with its proofs in the clear: they are shown once.
type FirstAdmin struct {
	Name     string
	Password string
	Token    string
}

// EnsureAdmin makes user admin with a password and a write token when the hub has no user, and returns them; nil when
// it has one. Of several nodes that start at once one gets them.
func (s *Service) EnsureAdmin(ctx context.Context) (*FirstAdmin, error) {
	var users int64
	if err := s.db.Get(ctx, &users, countUsers); err != nil || users > 0 {
		return nil, errs.Wrap("account.EnsureAdmin", err)
	}
	const passwordLength = 20 // characters: 119 bits
	first := &FirstAdmin{Name: "admin", Password: randomText(passwordLength), Token: randomToken()}
	row, err := s.prepare(ctx, turn{}, NewUser{Name: first.Name, Password: first.Password, SiteAdmin: true})
	if err != nil {
		return nil, err
	}
	made := false
	err = s.write(ctx, func(tx *db.Tx) error {
		made = false
		if err := tx.Get(ctx, &users, countUsers); err != nil || users > 0 {
			return err
		}
		if err := s.insertUser(ctx, tx, row); err != nil {
			return err
		}
		made = true
		return s.insertToken(ctx, tx, tokenRow{
			ID: hub.NewID(), UserID: row.ID, Name: "first start", Hint: tokenHint(first.Token),
			Role: string(hub.TokenWrite), CreatedAt: row.CreatedAt,
		}, first.Token)
	})
	if err != nil || !made {
		return nil, errs.Wrap("account.EnsureAdmin", err)
	}
	return first, nil
}
