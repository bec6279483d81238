package account

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/event"
)

// Every change of an account is in its log once, with nothing in it that opens a door.
func TestEachChangeOfAnAccountIsOneEventWithoutSecrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		const password = "correct horse battery staple"
		from := Client{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "browser"}
		mustCreate(t, s, NewUser{Name: "root-user", SiteAdmin: true})
		u := mustCreate(t, s, NewUser{Name: "alice", Password: password})
		token, _, err := s.CreateToken(ctx, u.ID, NewToken{Name: "laptop"})
		noError(t, err)
		noError(t, s.RevokeToken(ctx, u.ID, "laptop"))
		_, err = s.Login(ctx, "alice", "wrong password", from)
		if err == nil {
			t.Fatal("a wrong password signs in")
		}
		first, err := s.Login(ctx, "alice", password, from)
		noError(t, err)
		noError(t, s.Logout(ctx, first))
		noError(t, s.Logout(ctx, first)) // changes nothing
		second, err := s.Login(ctx, "alice", password, from)
		noError(t, err)
		open, err := s.Sessions(ctx, u.ID)
		noError(t, err)
		noError(t, s.RevokeSession(ctx, u.ID, open[0].ID))
		noError(t, s.SetPassword(ctx, u.ID, password+"!"))
		for range loginTries + 3 {
			_, _ = s.Login(ctx, "alice", "guess guess", from)
		}
		noError(t, s.Disable(ctx, u.ID))
		noError(t, s.Enable(ctx, u.ID))
		noError(t, s.Delete(ctx, u.ID))

		events, err := event.After(ctx, dbtestNow{d}, 0, event.MaxPage)
		noError(t, err)
		var got []string
		for _, e := range events[1:] {
			text := string(e.Data.(json.RawMessage))
			if e.OwnerID != u.ID {
				t.Errorf("%s is in the log of %q", e.Kind, e.OwnerID)
			}
			for _, secret := range []string{password, token, first, second, "guess guess", secretHash(token), secretHash(first)} {
				if strings.Contains(text, secret) {
					t.Errorf("%s tells a secret: %s", e.Kind, text)
				}
			}
			if len(got) == 3 && !strings.Contains(text, `"failedBefore":1`) {
				t.Errorf("the login does not say how many failed: %s", text)
			}
			got = append(got, e.Kind)
		}
		want := strings.Fields("user.create token.create token.revoke session.create session.delete session.create session.revoke " +
			"user.password session.blocked user.disable user.enable user.delete")
		if !slices.Equal(got, want) {
			t.Errorf("events:\n%s\nwant\n%s", got, want)
		}
	})
}

// dbtestNow reads the log without waiting for events to settle: nobody else writes.
type dbtestNow struct{ *db.DB }

func (dbtestNow) Dialect() db.Dialect { return db.SQLite }
