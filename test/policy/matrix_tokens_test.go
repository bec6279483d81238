package policy

import (
	"maps"
	"net/http"
	"slices"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// furtherCaller is a proof that opens less than its user: what it gets is told by the column of whom it is like.
type furtherCaller struct {
	user    string
	like    string // whose column it has on repositories
	org     bool   // it asks for acme's repositories
	creates bool   // it may make repositories in its user's namespace
	reads   bool   // it may read acme's settings
	writes  bool   // and change them
	on      func(org string) account.NewToken
	barred  bool // acme has shut it out
	app     bool // an application was given it
	other   bool // it is no fine-grained token, and like the other one in everything
}

func fineOn(typ string, ps ...hub.Permission) func(name string) account.NewToken {
	return func(name string) account.NewToken {
		return account.NewToken{Role: hub.TokenFineGrained, Scopes: &hub.Scopes{Scoped: []hub.Scope{{Type: typ, ID: name, Permissions: ps}}}}
	}
}

// furtherCallers are the columns that follow from others.
var furtherCallers = map[string]furtherCaller{
	"fine-own-write":    {user: "olga", like: "owner", creates: true, on: fineOn("user", hub.PermRepoWrite)},
	"fine-own-read":     {user: "olga", like: "reader", on: fineOn("user", hub.PermRepoRead)},
	"fine-elsewhere":    {user: "stranger", like: "stranger", on: fineOn("user", hub.PermRepoWrite, hub.PermRepoAccess)}, // olga has given nothing
	"fine-org-write":    {user: "writer", like: "writer", org: true, on: fineOn("org", hub.PermRepoWrite)},
	"fine-org-read":     {user: "writer", like: "reader", org: true, on: fineOn("org", hub.PermRepoRead)},
	"fine-org-settings": {user: "orgadmin", like: "stranger", org: true, reads: true, writes: true, on: fineOn("org", hub.PermOrgWrite)},
	"fine-org-look":     {user: "orgadmin", like: "stranger", org: true, reads: true, on: fineOn("org", hub.PermOrgRead)},
	"fine-siteadmin":    {user: "admin", like: "stranger", on: fineOn("user", hub.PermRepoWrite)}, // administers nothing
	"barred":            {user: "writer", like: "stranger", org: true, other: true, barred: true},
	"oauth-siteadmin":   {user: "admin", like: "siteadmin", other: true, app: true}, // administers no users, nor their accounts
	"session":           {user: "olga", like: "owner", other: true},
}

// further makes the tokens of furtherCallers and names them.
func (m *matrix) further() []string {
	accounts, ctx := m.h.App.Accounts(), m.t.Context()
	for name, by := range furtherCallers {
		if by.on == nil {
			continue
		}
		on := "olga"
		if by.org {
			on = "acme"
		}
		m.who[name] = m.fine(by.user, by.on(on))
	}
	value := m.h.Token(m.userID("writer"), hub.TokenWrite)
	t, err := accounts.LiveToken(ctx, value, true)
	if err == nil {
		var o account.Owner
		if o, err = accounts.Namespace(ctx, nil, "acme"); err == nil {
			err = accounts.BarToken(ctx, o.ID, t)
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.who["barred"] = testhub.Caller{Name: "writer", Token: value}
	m.who["oauth-siteadmin"] = m.given("admin")
	m.who["session"] = m.h.Session("olga")
	return slices.Sorted(maps.Keys(furtherCallers))
}

// given is the token of an application that a user has signed in.
func (m *matrix) given(user string) testhub.Caller {
	var value string
	err := m.h.App.DB().Tx(m.t.Context(), func(tx *db.Tx) (err error) {
		value, _, err = m.h.App.Accounts().GiveToken(m.t.Context(), tx, m.userID(user), "an-application", account.NewToken{Name: "app", Role: hub.TokenWrite})
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return testhub.Caller{Name: user, Token: value}
}

// fine makes a fine-grained token; its scopes name their entities by name.
func (m *matrix) fine(user string, n account.NewToken) testhub.Caller {
	accounts, ctx := m.h.App.Accounts(), m.t.Context()
	for i, s := range n.Scopes.Scoped {
		o, err := accounts.Namespace(ctx, nil, s.ID)
		if err != nil {
			m.t.Fatal(err)
		}
		n.Scopes.Scoped[i].ID = o.ID
	}
	n.Name = "fine-" + hub.NewID()
	value, _, err := accounts.CreateToken(ctx, m.userID(user), n)
	if err != nil {
		m.t.Fatal(err)
	}
	return testhub.Caller{Name: user, Token: value}
}

func (by furtherCaller) expected(rt httpd.Route, p probe, rows row, state, plural string) (want rune, asked bool) {
	if rt.Right == authz.Public && state == noRepo && rt.Method != http.MethodGet {
		return 0, false // who asks is of no matter, and some end the session, or count how often they are asked
	}
	if by.barred && rt.Right == authz.Account {
		return forbidden, true // it would make another token that is let in
	}
	if by.app {
		return by.asApp(rt, p, rows, state, plural)
	}
	if by.other {
		return expected(rt, p, rows, by.like, state, plural)
	}
	switch {
	case state == noRepo:
		return by.onSite(rt, p, rows), true
	case slices.Contains(owners, state):
		return by.onOwner(rt, p, rows, state), true
	}
	want, _ = expected(rt, p, rows, by.like, state, plural)
	switch {
	case (rt.Right == authz.RepoLike || rt.Right == authz.RepoKeyAdd) && (want == admitted || want == redirected), p.creates && want == admitted && !by.creates:
		want = forbidden
	}
	return want, true
}

// asApp leaves out users and organisations, which look at the user behind the proof alone.
func (by furtherCaller) asApp(rt httpd.Route, p probe, rows row, state, plural string) (want rune, asked bool) {
	if slices.Contains(owners, state) {
		return 0, false
	}
	if slices.Contains([]authz.Right{authz.Account, authz.SiteRead, authz.SiteAdmin}, rt.Right) {
		return forbidden, true
	}
	want, asked = expected(rt, p, rows, by.like, state, plural)
	if rt.Right == authz.RepoKeyAdd && (want == admitted || want == redirected) {
		want = forbidden
	}
	return want, asked
}

func (by furtherCaller) onSite(rt httpd.Route, p probe, rows row) rune {
	if rt.ID == "listMyStorage" { // its handler asks for the right on the user
		return forbidden
	}
	switch rt.Right {
	case authz.Write, authz.Account, authz.SiteRead, authz.SiteAdmin:
		return forbidden
	case authz.WriteBody:
		if !by.creates {
			return forbidden
		}
	}
	return rune(rows[noRepo][slices.Index(callers, "owner")])
}

func (by furtherCaller) onOwner(rt httpd.Route, p probe, rows row, state string) rune {
	want, _ := expected(rt, p, rows, "owner", state, "")
	switch {
	case want == noOwner, rt.Right == authz.OwnerRead:
		return want
	case state == ofOrg && (rt.Right == authz.OwnerMember || rt.Right == authz.OwnerSettingsRead) && by.reads, state == ofOrg && rt.Right == authz.OwnerAdmin && by.writes:
		return admitted
	}
	return forbidden
}
