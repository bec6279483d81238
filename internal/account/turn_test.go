package account

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
)

// One network with 60 connections, and ever fresh names, leaves places to sign in from everywhere else; many of them
// together leave some to who is known.
func TestS15OneNetworkDoesNotKeepEverybodyOut(t *testing.T) {
	q := newTurns(0)
	stranger := func(n int) turn { return strangerTurn(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)})) }
	for range hashesEach {
		noError(t, q.enter(stranger(1)))
	}
	for range 60 {
		wantKind(t, q.enter(stranger(1)), errs.RateLimited)
	}
	noError(t, q.enter(stranger(2)))
	q.leave(stranger(2))

	network := 2
	for q.enter(stranger(network)) == nil {
		if q.by[stranger(network).whom] == hashesEach {
			network++
		}
	}
	wantKind(t, q.enter(stranger(200)), errs.Unavailable)
	for range hashesEach {
		noError(t, q.enter(userTurn("one")))
	}
	wantKind(t, q.enter(userTurn("one")), errs.RateLimited) // whose own account it is has no more than others
	noError(t, q.enter(userTurn("another")))
	if q.all > hashesWaiting {
		t.Errorf("%d places are taken", q.all)
	}
}

func TestTurnsAreGivenBack(t *testing.T) {
	q := newTurns(0)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var ends []func()
	for range hashesAtOnce {
		end, err := q.wait(t.Context(), userTurn("u"))
		noError(t, err)
		ends = append(ends, end)
	}
	if _, err := q.wait(gone, userTurn("u")); err == nil {
		t.Error("who has gone gets a turn")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if end, err := q.wait(t.Context(), turn{}); err != nil {
				t.Error(err)
			} else {
				end()
			}
		})
	}
	for _, end := range ends {
		end()
	}
	all.Wait()
	if q.all != 0 || q.unknown != 0 || len(q.by) != 0 || len(q.slots) != 0 {
		t.Errorf("%+v", q)
	}
}

// Fresh names from one network end as well: after so many wrong passwords none is looked at, but on known devices.
func TestS15WrongPasswordsOfANetworkAreBounded(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	s, c := open(t, d)
	ctx, from := t.Context(), Client{Addr: netip.MustParseAddr("203.0.113.9")}
	const password = "pears on a plate"
	u := mustCreate(t, s, NewUser{Name: "ann", Password: password})
	device, err := s.Remember(ctx, "", u.ID)
	noError(t, err)
	key := throttleKey("logins", from.Addr)
	for range networkLimit.most {
		noError(t, s.tries.admit(ctx, key, networkLimit, ""))
	}
	hashes := s.Hashes()
	_, err = s.Login(ctx, "fresh-1", "wrong", from)
	wantKind(t, err, errs.Unauthenticated)
	for i := range 3 {
		_, err = s.Login(ctx, fmt.Sprintf("other-%d", i), "wrong", from)
		wantKind(t, err, errs.RateLimited)
	}
	_, err = s.Login(ctx, "ann", password, from)
	wantKind(t, err, errs.RateLimited)
	if n := s.Hashes() - hashes; n != 1 {
		t.Errorf("%d passwords were looked at", n)
	}
	_, err = s.Login(ctx, "ann", password, Client{Addr: from.Addr, Device: device})
	noError(t, err)
	_, err = s.Login(ctx, "ann", password, Client{Addr: netip.MustParseAddr("198.51.100.4")})
	noError(t, err)
	c.advance(networkLimit.window)
	_, err = s.Login(ctx, "ann", password, from)
	noError(t, err)
}

// Whose address it is does not show by which names are blocked together: what was typed counts, not whom it finds.
func TestS2ThrottleDoesNotTellWhoseAddressItIs(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	s, _ := open(t, d)
	ctx, from := t.Context(), Client{Addr: netip.MustParseAddr("203.0.113.9")}
	mustCreate(t, s, NewUser{Name: "ann", Email: "secret@example.com"})
	for _, typed := range []string{"ann", "nobody"} {
		for range loginTries {
			noError(t, s.tries.admit(ctx, throttleKey("login "+typed, from.Addr), loginLimit, ""))
		}
		_, err := s.Login(ctx, typed, "wrong", from)
		wantKind(t, err, errs.RateLimited)
	}
	for _, typed := range []string{"secret@example.com", "nobody@example.com"} {
		_, err := s.Login(ctx, typed, "wrong", from)
		wantKind(t, err, errs.Unauthenticated)
	}
}
