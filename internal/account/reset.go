package account

import (
	"context"
	"net/netip"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/mail"
)

// RequestReset has a link to choose a new password sent to the user whom somebody names by name or address, if there is
// one with an address. It does the same whether there is or not: the look-up happens when the letter is written.
func (s *Service) RequestReset(ctx context.Context, nameOrEmail string, from netip.Addr) error {
	if !db.IsText(nameOrEmail) || len(nameOrEmail) > maxEmail {
		return errs.New(errs.Invalid, "This is neither a user name nor an e-mail address")
	}
	if err := s.tries.admit(ctx, throttleKey("reset", from), resetLimit, ""); err != nil {
		return err
	}
	return errs.Wrap("account.RequestReset", s.post(ctx, s.db, letter{Kind: "reset", Name: nameOrEmail}))
}

// writeReset writes the letter with the link, if there is somebody to write to.
func (s *Service) writeReset(ctx context.Context, l letter) (*mail.Message, error) {
	until := l.At.Add(resetLife)
	if !until.After(s.now()) {
		return nil, nil
	}
	user, err := s.findLogin(ctx, l.Name)
	if err != nil || user.ID == "" || user.Email == "" || user.DisabledAt != nil || mail.CheckAddress(user.Email) != nil {
		return nil, err
	}
	code, err := s.makeReset(ctx, user, until)
	if err != nil || code == "" {
		return nil, err
	}
	return &mail.Message{To: user.Email, Subject: "Choose a new password", Until: until, Text: "Somebody asked for a new password for your account " + user.Name +
		". To choose one, open\n\n" + s.link(resetPath, code) + "\n\nThe link works once, within an hour, and ends all sessions. If you did not ask for it, there is nothing to do: " +
		"your password stays as it is."}, nil
}

// makeReset makes a code; empty when the user has enough of them, so that nobody's mailbox is flooded.
func (s *Service) makeReset(ctx context.Context, user userRow, until time.Time) (code string, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		code = newCode()
		now := s.now().UnixMicro()
		if _, err := tx.Exec(ctx, purgeResets, now); err != nil {
			return err
		}
		if now, err := findUser(ctx, tx, getUserByID, user.ID); err != nil || now.Email != user.Email {
			if err == nil {
				err = errs.New(errs.Conflict, "The user's e-mail address has changed meanwhile")
			}
			return err
		}
		var alive int64
		if err := tx.Get(ctx, &alive, countResets, user.ID); err != nil {
			return err
		}
		if alive >= resetsAlive {
			code = ""
			return nil
		}
		if _, err := tx.Exec(ctx, insertReset, codeHash(code), user.ID, now, until.UnixMicro()); err != nil {
			return err
		}
		return s.note(ctx, tx, "user.password.request", user.ID, nil)
	})
	return code, err
}

// ResetLink is a link to choose a new password for a user, for an administrator to hand on. It works once, within an hour.
func (s *Service) ResetLink(ctx context.Context, userID string) (link string, until time.Time, err error) {
	row, err := findUser(ctx, s.db, getUserByID, userID)
	if err != nil {
		return "", until, errs.Wrap("account.ResetLink", err)
	}
	until = s.now().Add(resetLife)
	code, err := s.makeReset(ctx, row, until)
	if err != nil {
		return "", until, errs.Wrap("account.ResetLink", err)
	}
	if code == "" {
		return "", until, errs.New(errs.Conflict, "The user has %d links to choose a new password already: wait for an hour", resetsAlive)
	}
	return s.link(resetPath, code), until, nil
}

// FindReset is the name of the user whose password a link replaces; errs.NotFound when it is worth nothing any more.
func (s *Service) FindReset(ctx context.Context, code string) (string, error) {
	user, err := s.resetOf(ctx, s.db, code)
	return user.Name, errs.Wrap("account.FindReset", err)
}

func (s *Service) resetOf(ctx context.Context, q db.Queryer, code string) (userRow, error) {
	var userID string
	err := q.Get(ctx, &userID, getReset, codeHash(code), s.now().UnixMicro())
	if db.IsNoRows(err) {
		return userRow{}, deadLink()
	}
	if err != nil {
		return userRow{}, err
	}
	return findUser(ctx, q, getUserByID, userID)
}

// Reset sets a new password by a link, which is used up by it, with all others of the user. All sessions end.
func (s *Service) Reset(ctx context.Context, code, password string) (*User, error) {
	user, err := s.resetOf(ctx, s.db, code)
	if err != nil {
		return nil, errs.Wrap("account.Reset", err)
	}
	hash, err := s.hashPassword(ctx, userTurn(user.ID), password, user.Name, user.Email)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *db.Tx) error {
		if user, err = s.resetOf(ctx, tx, code); err != nil { // of two who use it at once one is late
			return err
		}
		return s.replacePassword(ctx, tx, user, hash, "")
	})
	if err != nil {
		return nil, errs.Wrap("account.Reset", err)
	}
	return user.user(), nil
}

// endLinks ends what a thief of the account may have prepared: links to choose a password, and another address that waits
// to be confirmed.
func endLinks(ctx context.Context, tx *db.Tx, userID string) error {
	if _, err := tx.Exec(ctx, deleteResets, userID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, dropPending, userID)
	return err
}

// replacePassword sets a hash, ends all sessions but one, by its hash, and all links to the account, and tells the user by
// e-mail.
func (s *Service) replacePassword(ctx context.Context, tx *db.Tx, user userRow, hash, keep string) error {
	if _, err := tx.Exec(ctx, deleteOtherSessions, user.ID, keep); err != nil {
		return err
	}
	if err := endLinks(ctx, tx, user.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, setPassword, hash, user.ID); err != nil {
		return err
	}
	if err := s.noteBy(ctx, tx, "user.password", user, map[string]any{"removed": hash == ""}); err != nil {
		return err
	}
	return s.tell(ctx, tx, user.Email, "Your password has changed", "The password of your account "+user.Name+
		" has changed, and its other sessions have ended.\n\nIf this was not you, choose a new one at once:\n"+s.o.URL+"/login/forgot")
}
