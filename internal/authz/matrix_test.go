package authz

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

// Verdicts of the matrix.
//
//   - may      -  forbidden      ?  not found      !  who are you?      g  gated      d  disabled
var verdicts = map[byte]func(error) bool{
	'+': func(err error) bool { return err == nil },
	'-': func(err error) bool {
		return errs.Is(err, errs.Forbidden) && code(err) == "" && message(err) != disabledText
	},
	'?': func(err error) bool { return errs.Is(err, errs.NotFound) && code(err) == errs.CodeRepoNotFound },
	'!': func(err error) bool { return errs.Is(err, errs.Unauthenticated) },
	'g': func(err error) bool { return errs.Is(err, errs.Forbidden) && code(err) == errs.CodeGatedRepo },
	'd': func(err error) bool { return errs.Is(err, errs.Forbidden) && message(err) == disabledText },
}

func code(err error) string    { return told(err).Code }
func message(err error) string { return told(err).Msg }

func told(err error) (e *errs.Error) {
	errors.As(err, &e)
	return e
}

// columns are the rights of the matrix; each caller has one verdict per column.
var columns = []Right{Public, SignedIn, Write, RepoRead, RepoContent, RepoWrite, RepoSettings, RepoAdmin}

// matrix says everything: repository, caller, verdicts. A caller with a read token is the row of the same name with
// each + under Write and the three last columns turned into -, which the test does by itself.
//
//	p: Public  s: SignedIn  w: Write  r: RepoRead  c: RepoContent  W: RepoWrite  S: RepoSettings  A: RepoAdmin
var matrix = map[string]string{
	"user public": `
		caller             pswrcWSA
		anonymous          +!!++!!!
		stranger           +++++---
		owner              ++++++++
		site-admin         ++++++++`,
	"user private": `
		caller             pswrcWSA
		anonymous          ????????
		stranger           ????????
		owner              ++++++++
		site-admin         ++++++++`,
	"user public gated": `
		caller             pswrcWSA
		anonymous          +!!+g!!!
		stranger           ++++g---
		owner              ++++++++
		site-admin         ++++++++`,
	"user private gated": `
		caller             pswrcWSA
		anonymous          ????????
		stranger           ????????
		owner              ++++++++
		site-admin         ++++++++`,
	"user public disabled": `
		caller             pswrcWSA
		anonymous          +!!+d!!!
		stranger           ++++d---
		owner              ++++dd++
		site-admin         ++++++++`,
	"user private disabled": `
		caller             pswrcWSA
		anonymous          ????????
		stranger           ????????
		owner              ++++dd++
		site-admin         ++++++++`,
	"org public": `
		caller             pswrcWSA
		anonymous          +!!++!!!
		stranger           +++++---
		none               +++++---
		reader             +++++---
		contributor        +++++---
		creator            ++++++++
		creator-now-reader +++++---
		writer             ++++++++
		admin              ++++++++
		site-admin         ++++++++`,
	"org private": `
		caller             pswrcWSA
		anonymous          ????????
		stranger           ????????
		none               ????????
		reader             +++++---
		contributor        +++++---
		creator            ++++++++
		creator-now-reader +++++---
		creator-now-gone   ????????
		writer             ++++++++
		admin              ++++++++
		site-admin         ++++++++`,
	"org public gated": `
		caller             pswrcWSA
		anonymous          +!!+g!!!
		stranger           ++++g---
		none               ++++g---
		reader             +++++---
		contributor        +++++---
		creator            ++++++++
		creator-now-reader +++++---
		creator-now-gone   ++++g---
		writer             ++++++++
		admin              ++++++++
		site-admin         ++++++++`,
	"org private gated": `
		caller             pswrcWSA
		anonymous          ????????
		stranger           ????????
		none               ????????
		reader             +++++---
		contributor        +++++---
		creator            ++++++++
		writer             ++++++++
		admin              ++++++++
		site-admin         ++++++++`,
	"org public disabled": `
		caller             pswrcWSA
		anonymous          +!!+d!!!
		stranger           ++++d---
		none               ++++d---
		reader             ++++d---
		contributor        ++++d---
		creator            ++++dd++
		writer             ++++dd++
		admin              ++++dd++
		site-admin         ++++++++`,
	"org private disabled": `
		caller             pswrcWSA
		anonymous          ????????
		stranger           ????????
		none               ????????
		reader             ++++d---
		contributor        ++++d---
		creator            ++++dd++
		writer             ++++dd++
		admin              ++++dd++
		site-admin         ++++++++`,
}

// world is a hub with one organisation and a caller of each sort.
type world struct {
	authz  *Authorizer
	orgs   *org.Service
	orgID  string
	actors map[string]hub.Actor
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	accounts := account.New(d, account.Options{})
	t.Cleanup(func() { _ = accounts.Close() })
	w := &world{authz: New(d), orgs: org.New(d), actors: map[string]hub.Actor{"anonymous": {}}}
	roles := map[string]hub.Role{
		"founder": "", "stranger": "", "owner": "", "site-admin": "", "creator-now-gone": "", "none": hub.RoleNone,
		"reader": hub.RoleRead, "creator-now-reader": hub.RoleRead, "contributor": hub.RoleContributor,
		"creator": hub.RoleContributor, "writer": hub.RoleWrite, "admin": hub.RoleAdmin,
	}
	for name := range roles {
		u, err := accounts.Create(t.Context(), account.NewUser{Name: "the-" + name, SiteAdmin: name == "site-admin"})
		if err != nil {
			t.Fatal(err)
		}
		w.actors[name] = hub.Actor{UserID: u.ID, Name: u.Name, SiteAdmin: u.SiteAdmin}
	}
	o, err := w.orgs.Create(t.Context(), org.NewOrg{Name: "acme", AdminID: w.actors["founder"].UserID})
	if err != nil {
		t.Fatal(err)
	}
	w.orgID = o.ID
	for name, role := range roles {
		if role == "" {
			continue
		}
		if err := w.orgs.SetMember(t.Context(), o.ID, w.actors[name].UserID, role); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) subject(repo, caller string) Subject {
	s := Subject{RepoID: "r", Visibility: hub.Public, OwnerID: w.actors["owner"].UserID, CreatedBy: w.actors["owner"].UserID}
	if strings.HasPrefix(repo, "org") {
		s.OwnerID, s.CreatedBy = w.orgID, w.actors["founder"].UserID
		if strings.HasPrefix(caller, "creator") {
			s.CreatedBy = w.actors[caller].UserID
		}
	}
	if strings.Contains(repo, "private") {
		s.Visibility = hub.Private
	}
	if strings.Contains(repo, "gated") {
		s.Gated = "manual"
	}
	s.Disabled = strings.Contains(repo, "disabled")
	return s
}

func TestMatrix(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		cells := 0
		for repo, table := range matrix {
			for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
				f := strings.Fields(line)
				for i, want := range []byte(f[1]) {
					cells += w.check(t, repo, f[0], columns[i], want)
				}
			}
		}
		t.Logf("%d cells", cells)
	})
}

// check compares one cell by session and by both kinds of token, and on both kinds of gate.
func (w *world) check(t *testing.T, repo, caller string, r Right, want byte) int {
	t.Helper()
	s, cells := w.subject(repo, caller), 0
	for _, proof := range []hub.TokenRole{"", hub.TokenWrite, hub.TokenRead} {
		actor, want := w.actors[caller], want
		if !actor.Anonymous() {
			actor.Token = proof
			if changes := r == Write || r == RepoWrite || r == RepoSettings || r == RepoAdmin; changes && proof == hub.TokenRead && want != '?' {
				want = '-'
			}
		}
		for _, gate := range []string{s.Gated, strings.Replace(s.Gated, "manual", "auto", 1)} {
			s.Gated = gate
			err := w.authz.Repo(t.Context(), actor, s, r)
			if !verdicts[want](err) {
				t.Errorf("%s, %s (proof %q), %s: %v, want %c", repo, caller, proof, r, err, want)
			}
			cells++
		}
	}
	return cells
}

func TestSite(t *testing.T) {
	a := New(dbtest.New(t, db.SQLite))
	user := hub.Actor{UserID: "u"}
	admin := hub.Actor{UserID: "a", SiteAdmin: true}
	read := func(a hub.Actor) hub.Actor { a.Token = hub.TokenRead; return a }
	const table = `
		right      anonymous user user/read admin admin/read
		public     +         +    +         +     +
		signed-in  !         +    +         +     +
		write      !         +    -         +     -
		write-body !         +    -         +     -
		account    !         +    -         +     -
		site-read  !         -    -         +     +
		site-admin !         -    -         +     -
		xet-read   +         +    +         +     +
		xet-write  +         +    +         +     +
		signed     +         +    +         +     +`
	callers := []hub.Actor{{}, user, read(user), admin, read(admin)}
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		f := strings.Fields(line)
		for i, c := range callers {
			if err := a.Site(c, Right(f[0])); !verdicts[f[i+1][0]](err) {
				t.Errorf("%s, caller %d: %v, want %s", f[0], i, err, f[i+1])
			}
		}
	}
	for _, r := range []Right{OwnerRead, OwnerMember, OwnerSettingsRead, OwnerAdmin, RepoRead, RepoContent, RepoWrite, RepoSettings, RepoAdmin, "", "typo"} {
		if err := a.Site(admin, r); !errs.Is(err, errs.Internal) {
			t.Errorf("%q without a repository: %v", r, err)
		}
	}
}

func TestRepoRefusesUnknownRight(t *testing.T) {
	a := New(dbtest.New(t, db.SQLite))
	err := a.Repo(t.Context(), hub.Actor{UserID: "a", SiteAdmin: true}, Subject{Visibility: hub.Public}, "typo")
	if !errs.Is(err, errs.Internal) {
		t.Fatal(err)
	}
}

func TestCreateIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		const table = `
			caller      own org other
			anonymous   !   !   !
			stranger    +   -   -
			none        +   -   -
			reader      +   -   -
			contributor +   +   -
			writer      +   +   -
			admin       +   +   -
			site-admin  +   +   +`
		for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
			f := strings.Fields(line)
			actor := w.actors[f[0]]
			own := actor.UserID
			if own == "" {
				own = "somebody"
			}
			targets := []struct {
				id   string
				kind account.Kind
			}{{own, account.KindUser}, {w.orgID, account.KindOrg}, {w.actors["owner"].UserID, account.KindUser}}
			for i, target := range targets {
				err := w.authz.CreateIn(t.Context(), actor, target.id, target.kind)
				if !verdicts[f[i+1][0]](err) {
					t.Errorf("%s in %v: %v, want %s", f[0], target, err, f[i+1])
				}
				actor.Token = hub.TokenRead
				if err := w.authz.CreateIn(t.Context(), actor, target.id, target.kind); err == nil {
					t.Errorf("%s created in %v with a read token", f[0], target)
				}
				actor.Token = ""
			}
		}
	})
}

func TestReadableOwnersFollowsMembership(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		owners := func(caller string) string {
			ids, all, err := w.authz.ReadableOwners(t.Context(), w.actors[caller])
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(ids, all)
		}
		me, acme := w.actors["reader"].UserID, w.orgID
		if got := owners("reader"); got != fmt.Sprint([]string{me, acme}, false) {
			t.Errorf("reader: %s", got)
		}
		if err := w.orgs.RemoveMember(t.Context(), acme, me); err != nil {
			t.Fatal(err)
		}
		if got := owners("reader"); got != fmt.Sprint([]string{me}, false) {
			t.Errorf("after the membership ended: %s", got)
		}
		if got := owners("none"); got != fmt.Sprint([]string{w.actors["none"].UserID}, false) {
			t.Errorf("no_access: %s", got)
		}
		if owners("anonymous") != "[] false" || owners("site-admin") != "[] true" {
			t.Errorf("anonymous %s, site-admin %s", owners("anonymous"), owners("site-admin"))
		}
	})
}
