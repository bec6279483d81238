package account

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// wait makes an address wait under a code, as when its letter was sent.
func wait(t *testing.T, s *Service, userID, email string) (code string) {
	t.Helper()
	code = newCode()
	noError(t, s.write(t.Context(), func(tx *db.Tx) error {
		if err := s.awaitEmail(t.Context(), tx, userID, email); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), setPendingCode, secretHash(code), userID)
		return err
	}))
	return code
}

func resetCode(t *testing.T, s *Service, userID string) string {
	t.Helper()
	link, _, err := s.ResetLink(t.Context(), userID)
	noError(t, err)
	_, code, _ := strings.Cut(link, "code=")
	return code
}

// A thief who has named an address of theirs does not get the account back by it, once its owner has chosen another
// password or an administrator has stepped in.
func TestNewPasswordEndsAnAddressThatWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx, other := t.Context(), "other@example.com"
		const password = "pears on a plate"
		ways := map[string]func(u *User) error{
			"by the user": func(u *User) error { return s.ChangePassword(ctx, u.ID, password, password+"!", "", Client{}) },
			"by a link": func(u *User) error {
				_, err := s.Reset(ctx, resetCode(t, s, u.ID), password+"!")
				return err
			},
			"by an administrator": func(u *User) error { return s.SetPassword(ctx, u.ID, "") },
			"with the address": func(u *User) error {
				_, err := s.Edit(ctx, u.ID, UserChange{Email: &other})
				return err
			},
		}
		i := 0
		for name, change := range ways {
			i++
			u := mustCreate(t, s, NewUser{Name: "user-" + string(rune('a'+i)), Password: password})
			code := wait(t, s, u.ID, "thief@example.com")
			noError(t, change(u))
			if _, err := s.FindPending(ctx, code); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: the thief's address still waits: %v", name, err)
			}
		}

		awaits := userRow{ID: hub.NewID(), Name: "awaits", Awaits: true, CreatedAt: s.now().UnixMicro()}
		noError(t, s.write(ctx, func(tx *db.Tx) error { return s.insertUser(ctx, tx, awaits) }))
		code := wait(t, s, awaits.ID, "only@example.com")
		noError(t, s.SetPassword(ctx, awaits.ID, ""))
		if _, err := s.FindPending(ctx, code); err != nil {
			t.Errorf("an account that was never confirmed has lost its only address: %v", err)
		}
	})
}

// Whoever reads an address that is no longer the user's does not choose the password by a letter of before.
func TestLinksToChooseAPasswordEndWithTheAddress(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx, other := t.Context(), "edited@example.com"
		u := mustCreate(t, s, NewUser{Name: "ann", Email: "ann@example.com"})
		ways := map[string]func() error{
			"another address": func() error {
				_, err := s.VerifyEmail(ctx, wait(t, s, u.ID, "new@example.com"), u.ID)
				return err
			},
			"an administrator": func() error {
				_, err := s.Edit(ctx, u.ID, UserChange{Email: &other})
				return err
			},
			"none": func() error { return s.ChangeEmail(ctx, u.ID, "") },
		}
		for _, name := range []string{"another address", "an administrator", "none"} {
			code := resetCode(t, s, u.ID)
			noError(t, ways[name]())
			if _, err := s.FindReset(ctx, code); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: the link still works: %v", name, err)
			}
		}
	})
}
