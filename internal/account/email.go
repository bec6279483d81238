package account

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/mail"
)

// An address counts once it has proven itself: until then it waits in email_pending, where it signs nobody in, resets no
// password and keeps nobody else from naming it. So nobody learns by naming an address whether it has an account here.

// PendingEmail is an address that has yet to prove itself.
type PendingEmail struct {
	UserID   string
	UserName string
	Email    string
	// First says that the account cannot be used before.
	First bool
}

type pendingRow struct {
	UserID    string `db:"user_id"`
	UserName  string `db:"user_name"`
	Email     string
	Awaits    bool  `db:"awaits_email"`
	ExpiresAt int64 `db:"expires_at"`
}

// ChangeEmail names a new address for a user, which gets a link to prove itself and counts from then on; the address so
// far is told. An empty one takes the address away.
func (s *Service) ChangeEmail(ctx context.Context, userID, email string) error {
	email = strings.TrimSpace(email)
	if email != "" {
		if err := mail.CheckAddress(email); err != nil {
			return err
		}
		if err := s.tries.admit(ctx, limitKey("email", userID), letterLimit, ""); err != nil {
			return err
		}
	}
	return errs.Wrap("account.ChangeEmail", s.write(ctx, func(tx *db.Tx) error {
		user, err := findUser(ctx, tx, getUserByID, userID)
		if err != nil {
			return err
		}
		if email == "" {
			return s.dropEmail(ctx, tx, user)
		}
		if strings.EqualFold(email, user.Email) && user.EmailVerified {
			_, err := tx.Exec(ctx, deletePending, userID)
			return err
		}
		if err := s.awaitEmail(ctx, tx, userID, email); err != nil {
			return err
		}
		if err := s.note(ctx, tx, "user.email.request", userID, map[string]any{"email": email}); err != nil {
			return err
		}
		return s.tell(ctx, tx, user.Email, "Your address is about to change",
			"Somebody who is signed in to your account "+user.Name+" asked to use another e-mail address for it: "+email+".\n\n"+
				"Nothing changes before that address has confirmed it. If this was not you, sign in, change your password and end all sessions.")
	}))
}

// awaitEmail notes an address that has to prove itself, and has it written to.
func (s *Service) awaitEmail(ctx context.Context, tx *db.Tx, userID, email string) error {
	if err := s.admitConfirming(ctx, tx, email); err != nil {
		return err
	}
	now := s.now()
	if _, err := tx.Exec(ctx, putPending, userID, email, now.UnixMicro(), now.Add(verifyLife).UnixMicro()); err != nil {
		return err
	}
	return s.post(ctx, tx, letter{Kind: "verify", ID: userID})
}

func (s *Service) dropEmail(ctx context.Context, tx *db.Tx, user userRow) error {
	if _, err := tx.Exec(ctx, deletePending, user.ID); err != nil || user.Email == "" {
		return err
	}
	if _, err := tx.Exec(ctx, deleteResets, user.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, setEmail, "", false, user.ID); err != nil {
		return err
	}
	if err := s.note(ctx, tx, "user.email", user.ID, map[string]any{"before": user.Email, "after": ""}); err != nil {
		return err
	}
	return s.tell(ctx, tx, user.Email, "Your address was removed", "The account "+user.Name+" does not use this e-mail address any more.")
}

// ResendEmail has the address that waits written to once more.
func (s *Service) ResendEmail(ctx context.Context, userID string) error {
	if err := s.tries.admit(ctx, limitKey("email", userID), letterLimit, ""); err != nil {
		return err
	}
	return errs.Wrap("account.ResendEmail", s.db.Tx(ctx, func(tx *db.Tx) error {
		now := s.now()
		n, err := tx.Exec(ctx, renewPending, now.UnixMicro(), now.Add(verifyLife).UnixMicro(), userID)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.NotFound, "No e-mail address waits to be confirmed")
		}
		return s.post(ctx, tx, letter{Kind: "verify", ID: userID})
	}))
}

// CancelEmail forgets the address that waits.
func (s *Service) CancelEmail(ctx context.Context, userID string) error {
	return errs.Wrap("account.CancelEmail", s.write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, deletePending, userID)
		if err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, "user.email.cancel", userID, nil)
	}))
}

// PendingOf is the address of a user that waits to prove itself; nil for none.
func (s *Service) PendingOf(ctx context.Context, userID string) (*PendingEmail, error) {
	return s.pending(ctx, getPendingOf, userID)
}

// FindPending is what a link to prove an address is about; errs.NotFound when the link is worth nothing any more.
func (s *Service) FindPending(ctx context.Context, code string) (*PendingEmail, error) {
	p, err := s.pending(ctx, getPendingByCode, codeHash(code))
	if err == nil && p == nil {
		return nil, deadLink()
	}
	return p, err
}

func (s *Service) pending(ctx context.Context, query, key string) (*PendingEmail, error) {
	row, err := s.pendingRow(ctx, s.db, query, key)
	if db.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, errs.Wrap("account.pending", err)
	}
	return &PendingEmail{row.UserID, row.UserName, row.Email, row.Awaits}, nil
}

func (s *Service) pendingRow(ctx context.Context, q db.Queryer, query, key string) (row pendingRow, err error) {
	if key == "" {
		return row, errNoRows
	}
	err = q.Get(ctx, &row, query, key)
	if err == nil && row.ExpiresAt <= s.now().UnixMicro() {
		err = errNoRows
	}
	return row, err
}

func deadLink() error {
	return errs.New(errs.NotFound, "This link is not valid any more: it was used, it is too old, or a newer one was sent")
}

// VerifyEmail takes a link's word for it that somebody reads an address: it is the user's from now on. Only who reads it
// is told when it has an account already.
//
// by is the id of the user who has signed in on the browser that opens the link, empty for nobody. The address that a new
// account waits for needs none. Any other is confirmed by its own user alone: a request with a stolen token can name an
// address, and whoever reads that address would get at the password by it.
func (s *Service) VerifyEmail(ctx context.Context, code, by string) (*User, error) {
	var user userRow
	err := s.write(ctx, func(tx *db.Tx) error {
		row, err := s.pendingRow(ctx, tx, getPendingByCode, codeHash(code))
		if db.IsNoRows(err) {
			return deadLink()
		}
		if err != nil {
			return err
		}
		if err := row.confirms(by); err != nil {
			return err
		}
		if user, err = findUser(ctx, tx, getUserByID, row.UserID); err != nil {
			return err
		}
		if err := emailFree(ctx, tx, row.Email, row.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deletePending, row.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteResets, row.UserID); err != nil { // they were sent to the address so far
			return err
		}
		if _, err := tx.Exec(ctx, setEmail, row.Email, true, row.UserID); err != nil {
			return err
		}
		before := user.Email
		user.Email, user.EmailVerified, user.Awaits = row.Email, true, false
		if err := s.noteBy(ctx, tx, "user.email", user, map[string]any{"before": before, "after": row.Email}); err != nil {
			return err
		}
		if strings.EqualFold(before, row.Email) {
			return nil
		}
		return s.tell(ctx, tx, before, "Your address has changed", "The account "+user.Name+" now uses another e-mail address: "+row.Email+
			".\n\nIf this was not you, ask an administrator of this hub at once.")
	})
	if err != nil {
		return nil, errs.Wrap("account.VerifyEmail", err)
	}
	return user.user(), nil
}

// confirms refuses those who are not to say that an address is the user's.
func (r pendingRow) confirms(by string) error {
	switch {
	case r.Awaits || by == r.UserID:
		return nil
	case by == "":
		return errs.New(errs.Unauthenticated, "Sign in as %s in this browser, then confirm the address", r.UserName)
	}
	return errs.New(errs.Forbidden, "You are signed in as somebody else: sign in as %s, then confirm the address", r.UserName)
}

func emailFree(ctx context.Context, q db.Queryer, email, userID string) error {
	other, err := findUser(ctx, q, getUserByEmail, strings.ToLower(email))
	if errs.Is(err, errs.NotFound) || err == nil && other.ID == userID {
		return nil
	}
	if err != nil {
		return err
	}
	return errs.New(errs.Conflict, "The address %s already belongs to the account %s: sign in with that one", email, other.Name)
}

// writeVerify writes the letter to an address that waits. One that has an account already is told so instead.
func (s *Service) writeVerify(ctx context.Context, l letter) (*mail.Message, error) {
	code := newCode()
	var row pendingRow
	var taken string
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if row, err = s.pendingRow(ctx, tx, getPendingOf, l.ID); err != nil {
			return err
		}
		taken = ""
		err = emailFree(ctx, tx, row.Email, row.UserID)
		if errs.Is(err, errs.Conflict) {
			other, err := findUser(ctx, tx, getUserByEmail, strings.ToLower(row.Email))
			taken = other.Name
			return err
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, setPendingCode, secretHash(code), row.UserID)
		return err
	})
	switch {
	case db.IsNoRows(err):
		return nil, nil // proven, changed or given up meanwhile
	case err != nil:
		return nil, err
	case taken != "":
		return &mail.Message{To: row.Email, Subject: "You have an account already", Until: l.At.Add(verifyLife), Text: "Somebody named this e-mail address for the account " +
			row.UserName + ". It already belongs to your account " + taken + ", and stays there.\n\nIf this was you, sign in as " + taken +
			"; a lost password is replaced at\n" + s.o.URL + "/login/forgot\n\nIf not, there is nothing to do."}, nil
	}
	how := ""
	if !row.Awaits {
		how = " and asks you to sign in as " + row.UserName
	}
	return &mail.Message{To: row.Email, Subject: "Confirm your e-mail address", Until: fromMicros(&row.ExpiresAt), Text: "To confirm this e-mail address for the account " +
		row.UserName + ", open\n\n" + s.link(verifyPath, code) + "\n\nThe link works once, within a day" + how + ". If you did not ask for it, there is nothing to do."}, nil
}
