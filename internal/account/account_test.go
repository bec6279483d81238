package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// clock is a time that tests move.
type clock struct{ shift atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.shift.Load())) }
func (c *clock) advance(d time.Duration) { c.shift.Add(int64(d)) }

func open(t *testing.T, d *db.DB) (*Service, *clock) {
	t.Helper()
	c := &clock{}
	free := func(context.Context, db.Queryer, string) error { return nil }
	s := New(d, Options{Now: c.now, BeforeDelete: []func(context.Context, db.Queryer, string) error{free}})
	t.Cleanup(func() { _ = s.Close() })
	return s, c
}

func mustCreate(t *testing.T, s *Service, n NewUser) *User {
	t.Helper()
	u, err := s.Create(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func wantKind(t *testing.T, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Fatalf("error %v, want kind %d", err, kind)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUserLife(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		root := mustCreate(t, s, NewUser{Name: "root-user", SiteAdmin: true})
		alice := mustCreate(t, s, NewUser{Name: "Alice", Email: "Alice@example.org", Fullname: "Alice A."})

		_, err := s.Create(ctx, NewUser{Name: "aLICE"})
		wantKind(t, err, errs.Conflict)
		_, err = s.Create(ctx, NewUser{Name: "other", Email: "alice@EXAMPLE.org"})
		wantKind(t, err, errs.Conflict)
		_, err = s.Get(ctx, "other") // the claimed name went back with the refused user
		wantKind(t, err, errs.NotFound)

		got, err := s.Get(ctx, "ALICE")
		noError(t, err)
		if *got != *alice {
			t.Fatalf("Get = %+v, want %+v", got, alice)
		}
		owner, err := s.Namespace(ctx, nil, "alicE")
		noError(t, err)
		if owner != (Owner{ID: alice.ID, Kind: KindUser, Name: "Alice"}) {
			t.Fatalf("Namespace = %+v", owner)
		}

		wantKind(t, s.Disable(ctx, root.ID), errs.Conflict)
		wantKind(t, s.Delete(ctx, root.ID), errs.Conflict)
		noError(t, s.Delete(ctx, alice.ID))
		_, err = s.Get(ctx, "alice")
		wantKind(t, err, errs.NotFound)
		_, err = s.Create(ctx, NewUser{Name: "alice"}) // held
		wantKind(t, err, errs.Conflict)
		_, err = Namespace(ctx, d, "alice")
		wantKind(t, err, errs.NotFound)
		_, err = d.Exec(ctx, `UPDATE namespace SET held_until = 1 WHERE name_key = 'alice'`)
		noError(t, err)
		mustCreate(t, s, NewUser{Name: "alice"})
	})
}

func TestDeleteAsksOwners(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	s, _ := open(t, d)
	u := mustCreate(t, s, NewUser{Name: "carol"})
	s.o.BeforeDelete = append(s.o.BeforeDelete, func(context.Context, db.Queryer, string) error {
		return errs.New(errs.Conflict, "owns repositories")
	})
	wantKind(t, s.Delete(t.Context(), u.ID), errs.Conflict)
	s.o.BeforeDelete = nil
	wantKind(t, s.Delete(t.Context(), u.ID), errs.Internal)
	_, err := s.Get(t.Context(), "carol")
	noError(t, err)
}

func TestListPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		for _, n := range []string{"b-user", "A-user", "a_user", "C-user", "aa"} {
			mustCreate(t, s, NewUser{Name: n})
		}
		var names []string
		p := hub.Page{Limit: 2}
		for {
			users, next, err := s.List(t.Context(), p)
			noError(t, err)
			for _, u := range users {
				names = append(names, u.Name)
			}
			if next == "" {
				break
			}
			p.Cursor = next
		}
		if got := strings.Join(names, " "); got != "A-user a_user aa b-user C-user" {
			t.Fatalf("names in order: %s", got)
		}
	})
}

func TestTokens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		ctx := t.Context()
		u := mustCreate(t, s, NewUser{Name: "dora"})
		value, tok, err := s.CreateToken(ctx, u.ID, NewToken{Name: "ci", Role: hub.TokenWrite})
		noError(t, err)
		if len(value) != 43 || !strings.HasPrefix(value, "hf_") {
			t.Fatalf("value %q", value)
		}
		a, err := s.Authenticate(ctx, value)
		noError(t, err)
		if a != (hub.Actor{UserID: u.ID, Name: "dora", Proof: hub.ProofToken, TokenID: tok.ID, TokenName: "ci", Token: hub.TokenWrite}) {
			t.Fatalf("actor %+v", a)
		}
		_, _, err = s.CreateToken(ctx, u.ID, NewToken{Name: "ci"})
		wantKind(t, err, errs.Conflict)

		odd := `hf_94wBhPGp6KrrTH3KDchhKpRxZwd6dmHWLL.~"{}`
		_, _, err = s.CreateToken(ctx, u.ID, NewToken{Name: "imported", Value: odd})
		noError(t, err)
		_, err = s.Authenticate(ctx, odd)
		noError(t, err)
		_, _, err = s.CreateToken(ctx, u.ID, NewToken{Name: "imported twice", Value: odd})
		wantKind(t, err, errs.Conflict)
		for _, bad := range []string{"abc", "has space", "ctl\x01aaaa", "ünïcode", strings.Repeat("x", 513)} {
			_, _, err = s.CreateToken(ctx, u.ID, NewToken{Name: "bad", Value: bad})
			wantKind(t, err, errs.Invalid)
		}

		short, _, err := s.CreateToken(ctx, u.ID, NewToken{Name: "short", ExpiresAt: c.now().Add(time.Hour)})
		noError(t, err)
		_, err = s.Authenticate(ctx, short)
		noError(t, err)
		c.advance(2 * time.Hour)
		refused(t, s, short)

		noError(t, s.RevokeToken(ctx, u.ID, "imported"))
		refused(t, s, odd)
		wantKind(t, s.RevokeToken(ctx, u.ID, "imported"), errs.NotFound)
		wantKind(t, s.RevokeToken(ctx, hub.NewID(), tok.ID), errs.NotFound)

		noError(t, s.Disable(ctx, u.ID))
		refused(t, s, value)
		noError(t, s.Enable(ctx, u.ID))
		_, err = s.Authenticate(ctx, value)
		noError(t, err)
		noError(t, s.RevokeToken(ctx, u.ID, tok.ID))
		refused(t, s, value)
		refused(t, s, "")
		refused(t, s, "hf_unknown")
	})
}

func refused(t *testing.T, s *Service, token string) {
	t.Helper()
	_, err := s.Authenticate(t.Context(), token)
	wantKind(t, err, errs.Unauthenticated)
	if err.Error() != "Invalid credentials in Authorization header" {
		t.Fatalf("message %q", err)
	}
}

func TestRevocationElsewhere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		here, c := open(t, d)
		there, _ := open(t, d)
		u := mustCreate(t, here, NewUser{Name: "erin"})
		value, _, err := here.CreateToken(t.Context(), u.ID, NewToken{Name: "ci"})
		noError(t, err)
		_, err = here.Authenticate(t.Context(), value)
		noError(t, err)
		noError(t, there.RevokeToken(t.Context(), u.ID, "ci"))
		c.advance(time.Second)
		refused(t, here, value)
	})
}

func TestLastUseIsFlushed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		u := mustCreate(t, s, NewUser{Name: "frank"})
		value, _, err := s.CreateToken(t.Context(), u.ID, NewToken{Name: "ci"})
		noError(t, err)
		_, err = s.Authenticate(t.Context(), value)
		noError(t, err)
		list, err := s.Tokens(t.Context(), u.ID)
		noError(t, err)
		if list[0].LastUsedAt.IsZero() {
			t.Fatal("the last use is not known before it is written")
		}
		noError(t, s.Close())
		var at *int64
		noError(t, d.Get(t.Context(), &at, `SELECT last_used_at FROM token`))
		if at == nil {
			t.Fatal("the last use was not written")
		}
	})
}

func TestSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		ctx := t.Context()
		u := mustCreate(t, s, NewUser{Name: "grace", Email: "g@example.org", Password: "correct horse"})
		from := Client{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "test\x00" + strings.Repeat("x", 500)}
		one, err := s.Login(ctx, "GRACE", "correct horse", from)
		noError(t, err)
		two, err := s.Login(ctx, "G@example.org", "correct horse", from)
		noError(t, err)
		a, err := s.SessionActor(ctx, one)
		noError(t, err)
		if a != (hub.Actor{UserID: u.ID, Name: "grace"}) {
			t.Fatalf("actor %+v", a)
		}
		list, err := s.Sessions(ctx, u.ID)
		noError(t, err)
		if len(list) != 2 || list[0].ID == list[1].ID {
			t.Fatalf("sessions %+v", list)
		}
		noError(t, s.Logout(ctx, one))
		over(t, s, one)
		list, err = s.Sessions(ctx, u.ID)
		noError(t, err)
		wantKind(t, s.RevokeSession(ctx, hub.NewID(), list[0].ID), errs.NotFound)
		noError(t, s.RevokeSession(ctx, u.ID, list[0].ID))
		over(t, s, two)

		three, err := s.Login(ctx, "grace", "correct horse", from)
		noError(t, err)
		noError(t, s.SetPassword(ctx, u.ID, "battery staple"))
		over(t, s, three)
		_, err = s.Login(ctx, "grace", "correct horse", from)
		wantKind(t, err, errs.Unauthenticated)
		four, err := s.Login(ctx, "grace", "battery staple", from)
		noError(t, err)
		c.advance(SessionLife + time.Second)
		over(t, s, four)
	})
}

func over(t *testing.T, s *Service, secret string) {
	t.Helper()
	_, err := s.SessionActor(t.Context(), secret)
	wantKind(t, err, errs.Unauthenticated)
}

func TestLoginGivesNothingAway(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	s, _ := open(t, d)
	mustCreate(t, s, NewUser{Name: "heidi", Password: "correct horse"})
	mustCreate(t, s, NewUser{Name: "nopass"})
	try := func(name string) (string, time.Duration) {
		start := time.Now()
		_, err := s.Login(t.Context(), name, "wrong password", Client{Addr: netip.MustParseAddr("192.0.2.9")})
		wantKind(t, err, errs.Unauthenticated)
		return err.Error(), time.Since(start)
	}
	text, took := try("heidi")
	for range 2 { // a pause of the machine is not the account's
		_, again := try("heidi")
		took = min(took, again)
	}
	for _, name := range []string{"nobody", "nopass", "nobody@example.org"} {
		other, d := try(name)
		if other != text {
			t.Errorf("%s: %q, a real account gets %q", name, other, text)
		}
		if d < took/4 {
			t.Errorf("%s answered in %s, a real account in %s", name, d, took)
		}
	}
}

func TestThrottle(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		ctx := t.Context()
		guesser := throttleKey("victim", netip.MustParseAddr("198.51.100.7"))
		for i := range loginTries {
			if err := s.tries.admit(ctx, guesser, loginLimit, "u"); err != nil {
				t.Fatalf("try %d: %v", i+1, err)
			}
		}
		err := s.tries.admit(ctx, guesser, loginLimit, "u")
		wantKind(t, err, errs.RateLimited)
		var e *errs.Error
		if errors.As(err, &e); e.Detail["retryAfter"].(int) < 1 || e.Detail["retryAfter"].(int) > 61 {
			t.Fatalf("detail %v", e.Detail)
		}
		noError(t, s.tries.admit(ctx, throttleKey("victim", netip.MustParseAddr("203.0.113.5")), loginLimit, "u"))
		c.advance(loginWindow + time.Second)
		noError(t, s.tries.admit(ctx, guesser, loginLimit, "u"))
	})
	six := func(a string) string { return throttleKey("v", netip.MustParseAddr(a)) }
	if six("2001:db8::1") != six("2001:db8::ffff") || six("2001:db8::1") == six("2001:db8:0:1::1") {
		t.Error("IPv6 clients are counted by /64")
	}
}

func TestEnsureAdminOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		var made atomic.Pointer[FirstAdmin]
		var count atomic.Int64
		for range 4 {
			s, _ := open(t, d)
			wg.Go(func() {
				f, err := s.EnsureAdmin(context.Background())
				if err != nil {
					t.Error(err)
				}
				if f != nil {
					made.Store(f)
					count.Add(1)
				}
			})
		}
		wg.Wait()
		if count.Load() != 1 {
			t.Fatalf("%d administrators were made", count.Load())
		}
		s, _ := open(t, d)
		a, err := s.Authenticate(t.Context(), made.Load().Token)
		noError(t, err)
		if !a.SiteAdmin || !a.MayWrite() {
			t.Fatalf("actor %+v", a)
		}
		_, err = s.Login(t.Context(), "admin", made.Load().Password, Client{})
		noError(t, err)
		id, err := s.Whoami(t.Context(), a)
		noError(t, err)
		if id.User.Name != "admin" || id.Token == nil || id.Token.Role != hub.TokenWrite {
			t.Fatalf("identity %+v", id)
		}
	})
}

func TestSecretIsOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		var seen sync.Map
		for range 8 {
			s, _ := open(t, d)
			wg.Go(func() {
				v, err := s.Secret(context.Background(), "xet")
				if err != nil || len(v) != 32 {
					t.Errorf("secret %d bytes, %v", len(v), err)
				}
				seen.Store(string(v), true)
			})
		}
		wg.Wait()
		n := 0
		seen.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Fatalf("%d different secrets", n)
		}
	})
}

func TestNothingReadableAtRest(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	s, _ := open(t, d)
	u := mustCreate(t, s, NewUser{Name: "ivan", Password: "correct horse"})
	value, _, err := s.CreateToken(t.Context(), u.ID, NewToken{Name: "ci"})
	noError(t, err)
	secret, err := s.Login(t.Context(), "ivan", "correct horse", Client{})
	noError(t, err)
	var dump []string
	noError(t, d.Select(t.Context(), &dump, `
		SELECT hash || hint || name FROM token UNION ALL SELECT hash || user_agent FROM session
		UNION ALL SELECT password_hash FROM users UNION ALL SELECT key FROM login_attempt`))
	for _, s := range []string{value, secret, "correct horse"} {
		if strings.Contains(fmt.Sprint(dump), s) {
			t.Errorf("%q is readable in the database", s)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := New(dbtest.New(b, db.SQLite), Options{})
	defer s.Close()
	u, err := s.Create(b.Context(), NewUser{Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	value, _, err := s.CreateToken(b.Context(), u.ID, NewToken{Name: "ci"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Authenticate(b.Context(), value); err != nil {
			b.Fatal(err)
		}
	}
}
