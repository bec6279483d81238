package account

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// What users change about their own account takes the password once more, so that a session left open somewhere is not
// the account.

// namesHeld is how many names a user can hold at once beside the one in use.
const namesHeld = 5

// Confirm asks a user for the password once more. Wrong ones count against signing in.
func (s *Service) Confirm(ctx context.Context, userID, password string, c Client) error {
	_, err := s.confirm(ctx, userID, password, c)
	return err
}

func (s *Service) confirm(ctx context.Context, userID, password string, c Client) (userRow, error) {
	row, err := findUser(ctx, s.db, getUserByID, userID)
	if err != nil {
		return row, errs.Wrap("account.Confirm", err)
	}
	if row.PasswordHash == "" {
		return row, errs.New(errs.Conflict, "This account has no password: ask an administrator of this hub for a link to choose one")
	}
	try, err := s.newTry(ctx, row.Name, row.ID, c)
	if err != nil {
		return row, err
	}
	try.turn = userTurn(row.ID) // who asks has a proof of the account
	ok, err := s.attempt(ctx, try, password, row)
	if err != nil {
		return row, errs.Wrap("account.Confirm", err)
	}
	if !ok {
		return row, errs.New(errs.Invalid, "The password is wrong")
	}
	return row, errs.Wrap("account.Confirm", s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := s.tries.succeed(ctx, tx, try.key)
		return err
	}))
}

// ChangePassword replaces a user's password by one who knows it. All sessions end but the one whose secret is keep.
func (s *Service) ChangePassword(ctx context.Context, userID, current, next, keep string, c Client) error {
	user, err := s.confirm(ctx, userID, current, c)
	if err != nil {
		return err
	}
	hash, err := s.hashPassword(ctx, userTurn(userID), next, user.Name, user.Email)
	if err != nil {
		return err
	}
	return errs.Wrap("account.ChangePassword", s.write(ctx, func(tx *db.Tx) error {
		now, err := findUser(ctx, tx, getUserByID, userID)
		if err != nil {
			return err
		}
		if now.PasswordHash != user.PasswordHash {
			return errs.New(errs.Conflict, "The password was changed meanwhile")
		}
		if keep != "" {
			keep = secretHash(keep)
		}
		return s.replacePassword(ctx, tx, now, hash, keep)
	}))
}

// Rename gives a user another name. Repositories come along and their old names lead to the new ones; the old name of
// the user stays held for 90 days, and leads to the new one.
func (s *Service) Rename(ctx context.Context, userID, to string) (*User, error) {
	if err := CheckName(to, false); err != nil {
		return nil, err
	}
	err := s.write(ctx, func(tx *db.Tx) error {
		user, err := findUser(ctx, tx, getUserByID, userID)
		if err != nil || user.Name == to {
			return err
		}
		if err := ReleaseName(ctx, tx, user.Name, userID); err != nil {
			return err
		}
		if err := ClaimName(ctx, tx, to, KindUser, userID); err != nil {
			return err
		}
		var held int64
		if err := tx.Get(ctx, &held, countHeld, userID, s.now().UnixMicro()); err != nil {
			return err
		}
		if held > namesHeld {
			return errs.New(errs.Conflict, "You have changed your name %d times within 90 days: wait, or go back to one of those names", namesHeld)
		}
		if _, err := tx.Exec(ctx, renameUser, to, userID); err != nil {
			return err
		}
		if s.o.Renamed != nil {
			if err := s.o.Renamed(ctx, tx, Owner{ID: userID, Kind: KindUser, Name: user.Name}, to); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, "user.rename", userID, map[string]any{"from": user.Name, "to": to})
	})
	if err != nil {
		return nil, errs.Wrap("account.Rename", err)
	}
	return s.GetByID(ctx, userID)
}

// DeleteOwn removes the account of who confirms it by the password and the name. What they own must be gone.
func (s *Service) DeleteOwn(ctx context.Context, userID, password, name string, c Client) error {
	row, err := s.confirm(ctx, userID, password, c)
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(name), row.Name) {
		return errs.New(errs.Invalid, "To delete the account, type its name: %s", row.Name)
	}
	return s.Delete(ctx, userID)
}

// Former finds who had a name before, as long as it is held for them: the owner under the name of today. errs.NotFound
// for a name that nobody here has left.
func (s *Service) Former(ctx context.Context, name string) (Owner, error) {
	none := errs.New(errs.NotFound, "There is no user or organization named %q", name)
	if !db.IsText(name) {
		return Owner{}, none
	}
	var row struct {
		OwnerID string `db:"owner_id"`
		Kind    string
		Name    string
	}
	err := s.db.Get(ctx, &row, getFormer, nameKey(name), s.now().UnixMicro())
	if db.IsNoRows(err) {
		return Owner{}, none
	}
	return Owner{ID: row.OwnerID, Kind: Kind(row.Kind), Name: row.Name}, errs.Wrap("account.Former", err)
}
