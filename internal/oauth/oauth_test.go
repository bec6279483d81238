package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/oauth"
)

const hf = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"

// world is a hub's accounts and device logins under a clock of the test's.
type world struct {
	*testing.T
	db       *db.DB
	accounts *account.Service
	oauth    *oauth.Service
	now      time.Time
	alice    hub.Actor
	bob      hub.Actor
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := &world{T: t, db: d, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		clock := func() time.Time { return w.now }
		w.accounts = account.New(d, account.Options{Now: clock})
		t.Cleanup(func() { w.must(w.accounts.Close()) })
		w.oauth = oauth.New(d, w.accounts, oauth.Options{Now: clock})
		w.alice, w.bob = w.user("alice"), w.user("bob")
		f(w)
	})
}

func (w *world) user(name string) hub.Actor {
	u, err := w.accounts.Create(w.Context(), account.NewUser{Name: name})
	w.must(err)
	return hub.Actor{UserID: u.ID, Name: name}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func from(addr string) oauth.Origin {
	return oauth.Origin{Addr: netip.MustParseAddr(addr), Agent: "test/1"}
}

func (w *world) start(scope string) oauth.Codes {
	w.Helper()
	c, err := w.oauth.Start(w.Context(), hf, scope, from("192.0.2.1"))
	w.must(err)
	return c
}

func (w *world) claim(by hub.Actor, typed string) string {
	w.Helper()
	id, err := w.oauth.Claim(w.Context(), by, typed, from("198.51.100.1"))
	w.must(err)
	return id
}

// refused fails unless err is a refusal with the code.
func (w *world) refused(what string, err error, code string) {
	w.Helper()
	var no *oauth.Refusal
	if !errors.As(err, &no) || no.Code != code || no.Text == "" {
		w.Errorf("%s: %v instead of %s", what, err, code)
	}
}

func (w *world) login(role hub.TokenRole) oauth.Tokens {
	w.Helper()
	c := w.start("")
	w.must(w.oauth.Approve(w.Context(), w.alice, w.claim(w.alice, c.User), role))
	t, err := w.oauth.Poll(w.Context(), hf, c.Device)
	w.must(err)
	return t
}

func (w *world) works(token string) bool {
	_, err := w.accounts.Authenticate(w.Context(), token)
	if err != nil && !errs.Is(err, errs.Unauthenticated) {
		w.Fatal(err)
	}
	return err == nil
}

func TestDeviceLogin(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		c := w.start("")
		if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(c.User) || len(c.Device) < 40 {
			w.Fatalf("%+v", c)
		}
		_, err := w.oauth.Poll(ctx, hf, c.Device)
		w.refused("the first question", err, oauth.AuthorizationPending)
		_, err = w.oauth.Poll(ctx, hf, c.Device)
		w.refused("a question at once", err, oauth.SlowDown)
		w.now = w.now.Add(oauth.PollEvery)
		_, err = w.oauth.Poll(ctx, hf, c.Device)
		w.refused("a question in time", err, oauth.AuthorizationPending)

		// People type codes as they read them.
		id := w.claim(w.alice, strings.ToLower(strings.Replace(c.User, "-", " ", 1)))
		q, err := w.oauth.Request(ctx, w.alice.UserID, id)
		w.must(err)
		if q.State != "pending" || !q.MayWrite || q.Addr != "192.0.2.1" || q.Agent != "test/1" || q.Expired || !strings.Contains(q.Client.Name, "hf") {
			w.Errorf("%+v", q)
		}
		if _, err := w.oauth.Request(ctx, w.bob.UserID, id); !errs.Is(err, errs.NotFound) {
			w.Errorf("a request that somebody else has typed: %v", err)
		}
		if err := w.oauth.Approve(ctx, w.bob, id, hub.TokenWrite); !errs.Is(err, errs.NotFound) {
			w.Errorf("somebody else allows it: %v", err)
		}
		w.must(w.oauth.Approve(ctx, w.alice, id, hub.TokenWrite))
		if err := w.oauth.Deny(ctx, w.alice, id); !errs.Is(err, errs.Unprocessable) {
			w.Errorf("a second decision: %v", err)
		}
		_, err = w.oauth.Poll(ctx, "another", c.Device)
		w.refused("another client", err, oauth.InvalidGrant)
		got, err := w.oauth.Poll(ctx, hf, c.Device)
		w.must(err)
		actor, err := w.accounts.Authenticate(ctx, got.Access)
		w.must(err)
		if actor.UserID != w.alice.UserID || actor.Token != hub.TokenWrite || actor.Proof != hub.ProofOAuth || actor.TokenName != "hf-cli-2026-03-01" || !strings.HasPrefix(got.Access, "hf_") || got.Life != oauth.AccessLife {
			w.Errorf("%+v %+v", actor, got)
		}
		if present, err := w.accounts.Present(ctx, actor.UserID, actor.TokenID); err != nil || present != actor {
			w.Errorf("present: %+v %v", present, err)
		}
		_, err = w.oauth.Poll(ctx, hf, c.Device)
		w.refused("a second token", err, oauth.InvalidGrant)
		if again := w.login(hub.TokenRead); again.Scope != "openid profile read-repos" {
			w.Errorf("a reading token has the scope %q", again.Scope)
		}
		tokens, err := w.accounts.Tokens(ctx, w.alice.UserID)
		w.must(err)
		names := ""
		for _, t := range tokens {
			names += t.Name + " " + string(t.Role) + ";"
		}
		if len(tokens) != 2 || !strings.Contains(names, "hf-cli-2026-03-01 write;") || !strings.Contains(names, "hf-cli-2026-03-01-2 read;") {
			w.Error(names)
		}
	})
}

func TestDeviceRefused(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		for what, code := range map[string]string{"": "", "unknown": "x", "long": strings.Repeat("x", 1000)} {
			_, err := w.oauth.Poll(ctx, hf, code)
			w.refused(what, err, oauth.InvalidGrant)
		}
		_, err := w.oauth.Start(ctx, "my-own-app", "", from("192.0.2.1"))
		w.refused("another client", err, oauth.InvalidClient)
		for _, scope := range []string{"everything", "read-repos jobs", strings.Repeat("openid ", 100)} {
			_, err := w.oauth.Start(ctx, hf, scope, from("192.0.2.1"))
			w.refused(scope, err, oauth.InvalidScope)
		}

		// A device that asks for reading gets no more.
		reading := w.start("openid read-repos")
		id := w.claim(w.alice, reading.User)
		for _, role := range []hub.TokenRole{hub.TokenWrite, "", "admin"} {
			if err := w.oauth.Approve(ctx, w.alice, id, role); !errs.Is(err, errs.Unprocessable) {
				w.Errorf("approved as %q: %v", role, err)
			}
		}
		w.must(w.oauth.Deny(ctx, w.alice, id))
		_, err = w.oauth.Poll(ctx, hf, reading.Device)
		w.refused("denied", err, oauth.AccessDenied)

		// What nobody decides ends; so does what nobody fetches.
		late, unfetched := w.start(""), w.start("")
		lateID, unfetchedID := w.claim(w.alice, late.User), w.claim(w.alice, unfetched.User)
		w.must(w.oauth.Approve(ctx, w.alice, unfetchedID, hub.TokenRead))
		w.now = w.now.Add(oauth.CodeLife)
		for _, c := range []oauth.Codes{late, unfetched} {
			_, err = w.oauth.Poll(ctx, hf, c.Device)
			w.refused("late", err, oauth.ExpiredToken)
		}
		if err := w.oauth.Approve(ctx, w.alice, lateID, hub.TokenRead); !errs.Is(err, errs.Unprocessable) {
			w.Errorf("a late approval: %v", err)
		}
		if q, err := w.oauth.Request(ctx, w.alice.UserID, lateID); err != nil || !q.Expired {
			w.Errorf("%+v %v", q, err)
		}
		if _, err := w.oauth.Claim(ctx, w.alice, late.User, from("198.51.100.1")); !errs.Is(err, errs.Unprocessable) {
			w.Errorf("an old code: %v", err)
		}

		// An account that ended meanwhile gets nothing.
		c := w.start("")
		w.must(w.oauth.Approve(ctx, w.bob, w.claim(w.bob, c.User), hub.TokenWrite))
		w.must(w.accounts.Disable(ctx, w.bob.UserID))
		_, err = w.oauth.Poll(ctx, hf, c.Device)
		w.refused("disabled", err, oauth.AccessDenied)
	})
}

func TestRefresh(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		first := w.login(hub.TokenWrite)
		before, err := w.accounts.Authenticate(ctx, first.Access)
		w.must(err)
		w.now = w.now.Add(oauth.AccessLife + time.Hour)
		if w.works(first.Access) {
			w.Error("the access token does not expire")
		}
		_, err = w.oauth.Refresh(ctx, "another", first.Refresh)
		w.refused("another client", err, oauth.InvalidGrant)
		second, err := w.oauth.Refresh(ctx, hf, first.Refresh)
		w.must(err)
		after, err := w.accounts.Authenticate(ctx, second.Access)
		w.must(err)
		before.Rotations++ // what was made by the old value ends with it
		if ends := w.now.Add(oauth.AccessLife); !after.Ends.Equal(ends) {
			w.Errorf("the new value ends at %v, not %v", after.Ends, ends)
		}
		before.Ends = after.Ends
		if after != before || second.Refresh == first.Refresh || w.works(first.Access) {
			w.Errorf("%+v then %+v", before, after)
		}
		// Whoever renews keeps going; whoever rests too long signs in again.
		for range 4 {
			w.now = w.now.Add(oauth.RefreshLife - time.Hour)
			second, err = w.oauth.Refresh(ctx, hf, second.Refresh)
			w.must(err)
		}
		w.now = w.now.Add(oauth.RefreshLife)
		_, err = w.oauth.Refresh(ctx, hf, second.Refresh)
		w.refused("after a long rest", err, oauth.InvalidGrant)

		// A token that its user revokes is not renewed.
		third := w.login(hub.TokenRead)
		actor, err := w.accounts.Authenticate(ctx, third.Access)
		w.must(err)
		w.must(w.accounts.RevokeToken(ctx, w.alice.UserID, actor.TokenID))
		_, err = w.oauth.Refresh(ctx, hf, third.Refresh)
		w.refused("revoked", err, oauth.InvalidGrant)
		fourth := w.login(hub.TokenRead)
		w.must(w.accounts.Disable(ctx, w.alice.UserID))
		_, err = w.oauth.Refresh(ctx, hf, fourth.Refresh)
		w.refused("disabled", err, oauth.InvalidGrant)
	})
}

// S11: a refresh token that comes a second time was copied, so whoever came first loses the token as well.
func TestS11RefreshTokenUsedTwiceEndsTheGrant(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		first := w.login(hub.TokenWrite)
		second, err := w.oauth.Refresh(ctx, hf, first.Refresh)
		w.must(err)
		_, err = w.oauth.Refresh(ctx, hf, first.Refresh)
		w.refused("used twice", err, oauth.InvalidGrant)
		if w.works(second.Access) {
			w.Error("the access token still works")
		}
		_, err = w.oauth.Refresh(ctx, hf, second.Refresh)
		w.refused("the newer one", err, oauth.InvalidGrant)
	})
}

// S11: of many that come with one code or one refresh token at once, one gets a token.
func TestS11CodesWorkOnce(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		c := w.start("")
		w.must(w.oauth.Approve(ctx, w.alice, w.claim(w.alice, c.User), hub.TokenWrite))
		if won := w.race(20, func() error { _, err := w.oauth.Poll(ctx, hf, c.Device); return err }); won != 1 {
			w.Errorf("%d tokens for one device", won)
		}
		t := w.login(hub.TokenWrite)
		if won := w.race(20, func() error { _, err := w.oauth.Refresh(ctx, hf, t.Refresh); return err }); won != 1 {
			w.Errorf("%d tokens for one refresh token", won)
		}
	})
}

// race counts who succeeds; all others must be refused.
func (w *world) race(n int, f func() error) (won int) {
	results := make([]error, n)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = f() })
	}
	all.Wait()
	for _, err := range results {
		var no *oauth.Refusal
		if err == nil {
			won++
		} else if !errors.As(err, &no) && !errs.Is(err, errs.Conflict) {
			w.Errorf("neither won nor refused: %v", err)
		}
	}
	return won
}

// S15: guessing codes is bounded by account and by network, and asking for codes by network.
func TestS15DeviceCodesCannotBeGuessed(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		c := w.start("")
		tries := func(by hub.Actor, addr string) (n int) {
			for n < 100 {
				if _, err := w.oauth.Claim(ctx, by, "BBBB-BBBB", from(addr)); errs.Is(err, errs.RateLimited) {
					return n
				} else if !errs.Is(err, errs.Unprocessable) {
					w.Fatal(err)
				}
				n++
			}
			return n
		}
		if n := tries(w.alice, "198.51.100.1"); n != 10 {
			w.Errorf("%d guesses in a minute", n)
		}
		if n := tries(w.alice, "203.0.113.9"); n != 0 {
			w.Errorf("%d more from another network", n)
		}
		if n := tries(w.bob, "198.51.100.1"); n != 0 {
			w.Errorf("%d more by another account of the network", n)
		}
		if _, err := w.oauth.Claim(ctx, w.alice, c.User, from("198.51.100.1")); !errs.Is(err, errs.RateLimited) {
			w.Errorf("the right code behind too many wrong ones: %v", err)
		}
		w.now = w.now.Add(time.Minute)
		w.claim(w.alice, c.User)

		asked := 0
		for ; asked < 100; asked++ {
			if _, err := w.oauth.Start(ctx, hf, "", from(fmt.Sprintf("2001:db8::%x", asked+1))); errs.Is(err, errs.RateLimited) {
				break
			}
		}
		if asked != 30 {
			w.Errorf("%d codes for one network", asked)
		}
		w.now = w.now.Add(-time.Minute) // as another node's clock may differ
		if _, err := w.oauth.Start(ctx, hf, "", from("2001:db8::1")); !errs.Is(err, errs.RateLimited) {
			w.Errorf("the limit went with another node's clock: %v", err)
		}
		w.now = w.now.Add(-10 * 365 * 24 * time.Hour)
		if _, err := w.oauth.Start(ctx, hf, "", from("2001:db8::1")); err != nil {
			w.Errorf("a limit of a clock that was ahead stays: %v", err)
		}
	})
}

// S14: nothing that opens anything lies in the database as it is.
func TestS14DeviceSecretsAreHashed(t *testing.T) {
	each(t, func(w *world) {
		c := w.start("")
		w.must(w.oauth.Approve(w.Context(), w.alice, w.claim(w.alice, c.User), hub.TokenWrite))
		got, err := w.oauth.Poll(w.Context(), hf, c.Device)
		w.must(err)
		var all []string
		for _, query := range []string{
			`SELECT device_hash || user_hash || id || state FROM oauth_device`, `SELECT hash FROM oauth_refresh`,
			`SELECT hash || hint || name FROM token`, `SELECT kind || data FROM event`,
		} {
			var rows []string
			w.must(w.db.Select(w.Context(), &rows, query))
			if len(rows) == 0 {
				w.Errorf("no rows: %s", query)
			}
			all = append(all, rows...)
		}
		text := strings.Join(all, "\n")
		for _, secret := range []string{c.Device, c.User, strings.ReplaceAll(c.User, "-", ""), got.Access, got.Refresh} {
			if strings.Contains(text, secret) {
				w.Errorf("%s is in the database", secret)
			}
		}
	})
}
