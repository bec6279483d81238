package account

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

const (
	unconfirmedLife = 7 * 24 * time.Hour
	purgedAtOnce    = 100
)

// Purge removes what has ended: accounts whose address never proved itself, links, invitations and sessions. The names of
// such accounts are free at once, since nobody ever used them.
func (s *Service) Purge(ctx context.Context) error {
	now := s.now()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, query := range []string{purgeResets, purgeAllSessions, purgePending, purgeInvites} {
			if _, err := tx.Exec(ctx, query, now.UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return errs.Wrap("account.Purge", err)
	}
	var ids []string
	if err := s.db.Select(ctx, &ids, listUnconfirmed, now.Add(-unconfirmedLife).UnixMicro(), purgedAtOnce); err != nil {
		return errs.Wrap("account.Purge", err)
	}
	for _, id := range ids {
		if err := s.dropUnconfirmed(ctx, id); err != nil {
			return errs.Wrap("account.Purge", err)
		}
	}
	return nil
}

// dropUnconfirmed deletes an account as its user would. One that something still stands on, as an organisation does on its
// only admin, is left to the administrators.
func (s *Service) dropUnconfirmed(ctx context.Context, id string) error {
	err := s.write(ctx, func(tx *db.Tx) error {
		user, err := findUser(ctx, tx, getUserByID, id)
		if errs.Is(err, errs.NotFound) || err == nil && !user.Awaits {
			return nil
		}
		if err != nil {
			return err
		}
		for _, check := range s.o.BeforeDelete {
			if err := check(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, freeNames, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteUser, id); err != nil {
			return err
		}
		return s.note(ctx, tx, "user.delete", id, map[string]any{"user": id, "name": user.Name, "why": "the e-mail address was never confirmed"})
	})
	if errs.Is(err, errs.Conflict) {
		s.o.Log.Warn("an account whose e-mail address was never confirmed stays", "user", id, "error", err)
		return nil
	}
	return err
}
