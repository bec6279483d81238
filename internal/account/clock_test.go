package account

import (
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
)

// A limit that was reached by a clock that was ahead does not wait until it is as late again. Clocks of nodes that are a
// little apart, and limits of other windows, take nothing away from it.
func TestLimitsEndWhenTheClockIsSetBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		other := New(d, Options{Now: func() time.Time { return c.now().Add(-time.Minute) }})
		defer other.Close()
		login := limitKey("login", "x")
		letter := func() error {
			return d.Tx(t.Context(), func(tx *db.Tx) error { return s.AdmitLetter(t.Context(), tx, "", "x@example.com") })
		}
		for range loginTries {
			noError(t, s.tries.admit(t.Context(), login, loginLimit, ""))
		}
		for range toAddress.most {
			noError(t, letter())
		}
		for _, on := range []*Service{s, other} {
			wantKind(t, on.tries.admit(t.Context(), login, loginLimit, ""), errs.RateLimited)
			wantKind(t, on.tries.check(t.Context(), login, loginLimit), errs.RateLimited)
			wantKind(t, letter(), errs.RateLimited)
		}
		c.advance(-10 * 365 * 24 * time.Hour)
		for _, on := range []*Service{s, other} {
			noError(t, on.tries.check(t.Context(), login, loginLimit))
			noError(t, on.tries.admit(t.Context(), login, loginLimit, ""))
			noError(t, letter())
		}
	})
}

// A session that was begun by a clock that was years ahead does not last for years when it is set right.
func TestSessionsOfAClockThatWasAheadEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		mustCreate(t, s, NewUser{Name: "ann", Password: "a long enough phrase"})
		login := func() string {
			secret, err := s.Login(t.Context(), "ann", "a long enough phrase", Client{})
			noError(t, err)
			return secret
		}
		ahead := login()
		c.advance(-time.Hour)
		again, _ := open(t, d)
		again.o.Now = c.now
		_, err := again.SessionActor(t.Context(), ahead)
		noError(t, err)
		c.advance(-10 * 365 * 24 * time.Hour)
		again, _ = open(t, d)
		again.o.Now = c.now
		_, err = again.SessionActor(t.Context(), ahead)
		wantKind(t, err, errs.Unauthenticated)
		_, err = s.SessionActor(t.Context(), login())
		noError(t, err)
	})
}
