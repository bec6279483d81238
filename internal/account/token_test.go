package account

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// S14: a token's value is long, random, says by its checksum that it is one, and is kept as a hash alone.
func TestS14TokenValue(t *testing.T) {
	shape := regexp.MustCompile(`^hf_[A-Za-z0-9]{40}$`) // llama.cpp forwards nothing else
	seen := map[string]bool{}
	for range 200 {
		v := randomToken()
		if !shape.MatchString(v) || !IsToken(v) || seen[v] {
			t.Fatalf("%q", v)
		}
		seen[v] = true
		wrong := []byte(v)
		wrong[10] = map[bool]byte{true: 'b', false: 'a'}[wrong[10] == 'a']
		for _, other := range []string{string(wrong), v[:42], v + "A", "xx_" + v[3:], v[:42] + map[bool]string{true: "b", false: "a"}[v[42] == 'a']} {
			if IsToken(other) {
				t.Errorf("%q passes for a token", other)
			}
		}
	}
	if bits := float64(tokenRandom) * 5.954; bits < 160 {
		t.Errorf("%.0f bits", bits)
	}
}

func TestFineGrainedTokens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		u := mustCreate(t, s, NewUser{Name: "dora", SiteAdmin: true})
		sc := &hub.Scopes{Scoped: []hub.Scope{{Type: "org", ID: "o1", Permissions: []hub.Permission{hub.PermRepoRead, hub.PermOrgWrite}}}, GatedRepos: true}
		value, tok, err := s.CreateToken(ctx, u.ID, NewToken{Name: "fine", Role: hub.TokenFineGrained, Scopes: sc})
		noError(t, err)
		a, err := s.Authenticate(ctx, value)
		noError(t, err)
		if a.Token != hub.TokenFineGrained || a.Scopes == nil || !a.Scopes.GatedRepos || !a.Scopes.Has([]string{"o1"}, hub.PermOrgWrite) || a.Scopes.Has([]string{"o1"}, hub.PermRepoWrite) {
			t.Fatalf("actor %+v %+v", a, a.Scopes)
		}
		p, err := s.Present(ctx, u.ID, a.ProofID())
		noError(t, err)
		if p.Scopes == nil || !p.Scopes.Has([]string{"o1"}, hub.PermOrgWrite) || p.Proof != hub.ProofToken {
			t.Fatalf("what stands on the token has %+v", p)
		}
		if _, err = s.db.Exec(ctx, `UPDATE token SET scopes = '{' WHERE id = ?`, tok.ID); err != nil {
			t.Fatal(err)
		}
		if p, err = s.Present(ctx, u.ID, a.ProofID()); err != nil || p.Scopes == nil || len(p.Scopes.Scoped) != 0 || p.Scopes.GatedRepos {
			t.Errorf("scopes that cannot be read open %+v, %v", p.Scopes, err)
		}
	})
}

func TestScopesRefused(t *testing.T) {
	s := New(dbtest.New(t, db.SQLite), Options{})
	defer s.Close()
	u := mustCreate(t, s, NewUser{Name: "dora"})
	scope := func(typ string, permissions ...hub.Permission) *hub.Scopes {
		return &hub.Scopes{Scoped: []hub.Scope{{Type: typ, ID: "x", Permissions: permissions}}}
	}
	many := &hub.Scopes{}
	for range maxScoped + 1 {
		many.Scoped = append(many.Scoped, hub.Scope{Type: "model", ID: hub.NewID(), Permissions: []hub.Permission{hub.PermRepoRead}})
	}
	twice := scope("model", hub.PermRepoRead)
	twice.Scoped = append(twice.Scoped, twice.Scoped[0])
	for name, n := range map[string]NewToken{
		"no scopes":                  {Role: hub.TokenFineGrained},
		"empty scopes":               {Role: hub.TokenFineGrained, Scopes: &hub.Scopes{}},
		"scopes of another role":     {Role: hub.TokenWrite, Scopes: scope("user", hub.PermRepoRead)},
		"unknown permission":         {Role: hub.TokenFineGrained, Scopes: scope("user", "repo.everything")},
		"permission of an org":       {Role: hub.TokenFineGrained, Scopes: scope("user", hub.PermOrgWrite)},
		"unknown entity":             {Role: hub.TokenFineGrained, Scopes: scope("planet", hub.PermRepoRead)},
		"no permissions":             {Role: hub.TokenFineGrained, Scopes: scope("user")},
		"a permission twice":         {Role: hub.TokenFineGrained, Scopes: scope("user", hub.PermRepoRead, hub.PermRepoRead)},
		"unknown global permission":  {Role: hub.TokenFineGrained, Scopes: &hub.Scopes{Global: []hub.Permission{hub.PermRepoWrite}}},
		"an entity twice":            {Role: hub.TokenFineGrained, Scopes: twice},
		"more entities than allowed": {Role: hub.TokenFineGrained, Scopes: many},
		"unknown role":               {Role: "god"},
	} {
		n.Name = "t"
		if _, _, err := s.CreateToken(t.Context(), u.ID, n); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token that is rotated keeps all but its value; the old value dies, and with it what stood on it.
func TestRotateToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		u := mustCreate(t, s, NewUser{Name: "dora"})
		sc := &hub.Scopes{Scoped: []hub.Scope{{Type: "user", ID: u.ID, Permissions: []hub.Permission{hub.PermRepoRead}}}}
		old, tok, err := s.CreateToken(ctx, u.ID, NewToken{Name: "ci", Role: hub.TokenFineGrained, Scopes: sc})
		noError(t, err)
		before, err := s.Authenticate(ctx, old)
		noError(t, err)
		value, again, err := s.RotateToken(ctx, hub.Actor{}, u.ID, "ci")
		noError(t, err)
		if again.ID != tok.ID || again.Hint == tok.Hint || value == old || again.Scopes == nil {
			t.Fatalf("rotated %+v", again)
		}
		_, err = s.Authenticate(ctx, old)
		wantKind(t, err, errs.Unauthenticated)
		_, err = s.Present(ctx, u.ID, before.ProofID())
		wantKind(t, err, errs.Unauthenticated)
		after, err := s.Authenticate(ctx, value)
		noError(t, err)
		if after.TokenID != tok.ID || after.Scopes == nil || after.ProofID() == before.ProofID() {
			t.Fatalf("actor %+v", after)
		}
		p, err := s.Present(ctx, u.ID, after.ProofID())
		noError(t, err)
		if p.ProofID() != after.ProofID() {
			t.Errorf("presented as %q, is %q", p.ProofID(), after.ProofID())
		}
		_, _, err = s.RotateToken(ctx, hub.Actor{}, u.ID, "none")
		wantKind(t, err, errs.NotFound)
		noError(t, s.RevokeToken(ctx, u.ID, tok.ID))
		_, _, err = s.RotateToken(ctx, hub.Actor{}, u.ID, tok.ID)
		wantKind(t, err, errs.NotFound)
	})
}

func TestRevokeLeaked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var told []string
		s := New(d, Options{TokenLeaked: func(_ context.Context, _ *db.Tx, user *User, name string) error {
			told = append(told, user.ID+"/"+name)
			return nil
		}})
		defer s.Close()
		ctx := t.Context()
		u := mustCreate(t, s, NewUser{Name: "dora"})
		lost, _, err := s.CreateToken(ctx, u.ID, NewToken{Name: "lost"})
		noError(t, err)
		kept, _, err := s.CreateToken(ctx, u.ID, NewToken{Name: "kept"})
		noError(t, err)
		values := []string{"", "x", lost, randomToken(), lost, strings.Repeat("y", 500), "\x00"}
		for len(values) < MaxLeaked {
			values = append(values, randomToken())
		}
		noError(t, s.RevokeLeaked(ctx, values))
		noError(t, s.RevokeLeaked(ctx, values))
		_, err = s.Authenticate(ctx, lost)
		wantKind(t, err, errs.Unauthenticated)
		_, err = s.Authenticate(ctx, kept)
		noError(t, err)
		if len(told) != 1 || told[0] != u.ID+"/lost" {
			t.Errorf("told %v", told)
		}
		wantKind(t, s.RevokeLeaked(ctx, append(values, "z")), errs.Invalid)
	})
}

func TestBarToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		u := mustCreate(t, s, NewUser{Name: "dora"})
		value, tok, err := s.CreateToken(ctx, u.ID, NewToken{Name: "ci"})
		noError(t, err)
		for _, unknown := range []string{"hf_none", "", "\x00", value} {
			_, err = s.LiveToken(ctx, unknown, false)
			wantKind(t, err, errs.NotFound)
		}
		_, err = s.LiveToken(ctx, tok.ID, true)
		wantKind(t, err, errs.NotFound)
		byValue, err := s.LiveToken(ctx, value, true)
		noError(t, err)
		byID, err := s.LiveToken(ctx, tok.ID, false)
		noError(t, err)
		if byID.ID != tok.ID || byValue.ID != tok.ID || byID.UserID != u.ID {
			t.Fatalf("%+v %+v", byID, byValue)
		}
		one, two := hub.NewID(), hub.NewID()
		noError(t, s.BarToken(ctx, one, tok))
		noError(t, s.BarToken(ctx, one, tok)) // again
		noError(t, s.BarToken(ctx, two, tok))
		a, err := s.Authenticate(ctx, value)
		noError(t, err)
		p, err := s.Present(ctx, u.ID, a.ProofID())
		noError(t, err)
		for name, actor := range map[string]hub.Actor{"the token": a, "what stands on it": p} {
			if !actor.Barred.Has(one) || !actor.Barred.Has(two) || actor.Barred.Has(hub.NewID()) {
				t.Errorf("%s: %+v", name, actor.Barred)
			}
		}
		if list, err := s.Tokens(ctx, u.ID); err != nil || !list[0].BarredFrom(one) {
			t.Errorf("%+v, %v", list, err)
		}
		noError(t, s.RevokeToken(ctx, u.ID, tok.ID))
		_, err = s.LiveToken(ctx, tok.ID, false)
		wantKind(t, err, errs.NotFound)
	})
}
