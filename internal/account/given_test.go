package account

import (
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hub"
)

// Whoever reads the log sees whose token an application renewed or gave up, also when the user is gone.
func TestEventsOfGivenTokensNameTheirUser(t *testing.T) {
	s := New(dbtest.New(t, db.SQLite), Options{})
	defer s.Close()
	ctx, u := t.Context(), mustCreate(t, s, NewUser{Name: "dora"})
	noError(t, s.db.Tx(ctx, func(tx *db.Tx) error {
		_, tok, err := s.GiveToken(ctx, tx, u.ID, "a-client", NewToken{Name: "app", Role: hub.TokenWrite, ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			return err
		}
		if _, err = s.RenewGivenToken(ctx, tx, u.ID, tok.ID, time.Now().Add(2*time.Hour)); err != nil {
			return err
		}
		return s.EndGivenToken(ctx, tx, u.ID, tok.ID, "signed out")
	}))
	var rows []struct {
		Kind string
		Name string `db:"actor_name"`
	}
	noError(t, s.db.Select(ctx, &rows, `SELECT kind, actor_name FROM event WHERE kind LIKE 'token.%' ORDER BY id`))
	if len(rows) != 3 {
		t.Fatalf("events %+v", rows)
	}
	for _, r := range rows {
		if r.Name != "dora" {
			t.Errorf("%s is by %q", r.Kind, r.Name)
		}
	}
}
