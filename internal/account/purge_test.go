package account

import (
	"fmt"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// What was never confirmed goes after a week, and its name is free at once; everything else stays.
func TestPurge(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		ctx := t.Context()
		kept := mustCreate(t, s, NewUser{Name: "kept"})
		waiting := userRow{ID: hub.NewID(), Name: "waiting", Awaits: true, CreatedAt: s.now().UnixMicro()}
		noError(t, s.write(ctx, func(tx *db.Tx) error { return s.enrol(ctx, tx, waiting, Registration{Email: "w@example.com"}, nil) }))
		noError(t, s.ChangeEmail(ctx, kept.ID, "new@example.com"))
		_, link, err := s.CreateInvite(ctx, NewInvite{})
		noError(t, err)
		_, _, err = s.ResetLink(ctx, kept.ID)
		noError(t, err)

		noError(t, s.Purge(ctx))
		for _, name := range []string{"kept", "waiting"} {
			_, err := s.Get(ctx, name)
			noError(t, err)
		}
		c.advance(unconfirmedLife + time.Minute)
		noError(t, s.Purge(ctx))
		_, err = s.Get(ctx, "waiting")
		wantKind(t, err, errs.NotFound)
		_, err = s.Get(ctx, "kept")
		noError(t, err)
		mustCreate(t, s, NewUser{Name: "Waiting"})
		if p, err := s.PendingOf(ctx, kept.ID); err != nil || p != nil {
			t.Errorf("an address still waits: %+v, %v", p, err)
		}
		for _, table := range []string{`SELECT COUNT(*) FROM password_reset`, `SELECT COUNT(*) FROM hub_invite`, `SELECT COUNT(*) FROM email_pending`} {
			var n int64
			noError(t, d.Get(ctx, &n, table))
			if n != 0 {
				t.Errorf("%s: %d", table, n)
			}
		}
		_, err = s.FindInvite(ctx, link[len(link)-43:])
		wantKind(t, err, errs.NotFound)
	})
}

func TestRenameHoldsFewNames(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		u, other := mustCreate(t, s, NewUser{Name: "name-0"}), mustCreate(t, s, NewUser{Name: "other"})
		for i := 1; i <= namesHeld; i++ {
			_, err := s.Rename(ctx, u.ID, fmt.Sprint("name-", i))
			noError(t, err)
		}
		_, err := s.Rename(ctx, u.ID, "one-too-many")
		wantKind(t, err, errs.Conflict)
		mustCreate(t, s, NewUser{Name: "one-too-many"}) // what was refused holds nothing
		_, err = s.Rename(ctx, u.ID, "name-2")
		noError(t, err)
		got, err := s.Rename(ctx, u.ID, "Name-2")
		noError(t, err)
		if got.Name != "Name-2" {
			t.Errorf("the spelling is %q", got.Name)
		}
		for _, bad := range []string{"other", "OTHER", "login", "a", "x/y"} {
			if _, err := s.Rename(ctx, u.ID, bad); err == nil {
				t.Errorf("renamed to %q", bad)
			}
		}
		_, err = s.Rename(ctx, other.ID, "name-4")
		wantKind(t, err, errs.Conflict)
		o, err := s.Former(ctx, "NAME-4")
		noError(t, err)
		if o != (Owner{ID: u.ID, Kind: KindUser, Name: "Name-2"}) {
			t.Errorf("name-4 leads to %+v", o)
		}
		for _, nobody := range []string{"Name-2", "never", "a\x00b"} {
			_, err := s.Former(ctx, nobody)
			wantKind(t, err, errs.NotFound)
		}
	})
}
