package authz

import (
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hub"
)

// scoped is a fine-grained token of a caller.
func (w *world) scoped(caller string, sc hub.Scopes) hub.Actor {
	a := w.actors[caller]
	a.Proof, a.Token, a.Scopes = hub.ProofToken, hub.TokenFineGrained, &sc
	return a
}

func on(typ, id string, permissions ...hub.Permission) hub.Scopes {
	return hub.Scopes{Scoped: []hub.Scope{{Type: typ, ID: id, Permissions: permissions}}}
}

// A fine-grained token may what both it and its user may, on every kind of repository.
func TestFineGrainedToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		own, acme := w.actors["owner"].UserID, w.orgID
		gates := on("user", "other", hub.PermRepoWrite)
		gates.GatedRepos = true
		rows := []struct {
			name, caller string
			scopes       hub.Scopes
			repo         string
			verdicts     string // of columns
		}{
			{"write on its user", "owner", on("user", own, hub.PermRepoWrite), "user private gated", "++-+++++"},
			{"write on the repository", "owner", on("model", "r", hub.PermRepoWrite), "user private gated", "++-+++++"},
			{"read on its user", "owner", on("user", own, hub.PermRepoRead), "user private gated", "++-++---"},
			{"read on its user, disabled", "owner", on("user", own, hub.PermRepoRead), "user private disabled", "++-+d---"},
			{"write elsewhere", "owner", on("user", "other", hub.PermRepoWrite), "user private", "????????"},
			{"write elsewhere", "owner", on("user", "other", hub.PermRepoWrite), "user public", "++-++---"},
			{"write elsewhere", "owner", on("user", "other", hub.PermRepoWrite), "user public gated", "++-+g---"},
			{"gated repositories, private", "owner", gates, "user private gated", "????????"},
			{"gated repositories, public", "owner", gates, "user public gated", "++-++---"},
			{"gated repositories of others", "stranger", gates, "user public gated", "++-+g---"},
			{"other permissions", "owner", on("user", own, hub.PermRepoAccess, hub.PermDiscussionWrite), "user private", "????????"},
			{"more than its user has", "stranger", on("user", own, hub.PermRepoWrite), "user private", "????????"},
			{"more than its user has", "stranger", on("model", "r", hub.PermRepoWrite), "user public", "++-++---"},
			{"write on the organisation", "writer", on("org", acme, hub.PermRepoWrite), "org private", "++-+++++"},
			{"write on the organisation", "reader", on("org", acme, hub.PermRepoWrite), "org private", "++-++---"},
			{"read on the organisation", "admin", on("org", acme, hub.PermRepoRead), "org private", "++-++---"},
			{"settings of the organisation", "admin", on("org", acme, hub.PermOrgWrite), "org private", "????????"},
			{"administrator of the hub", "site-admin", on("user", "x", hub.PermRepoWrite), "org private", "????????"},
			{"administrator of the hub, named", "site-admin", on("org", acme, hub.PermRepoWrite), "org private", "????????"},
		}
		for _, row := range rows {
			actor, s := w.scoped(row.caller, row.scopes), w.subject(row.repo, row.caller)
			for i, r := range columns {
				if err := w.authz.Repo(t.Context(), actor, s, r); !verdicts[row.verdicts[i]](err) {
					t.Errorf("%s, %s, %s: %v, want %c", row.name, row.repo, r, err, row.verdicts[i])
				}
			}
			for _, r := range []Right{Write, Account, SiteRead, SiteAdmin} {
				if err := w.authz.Site(actor, r); !verdicts['-'](err) {
					t.Errorf("%s has the right %s of the site: %v", row.name, r, err)
				}
			}
		}
	})
}

func TestFineGrainedTokenOnOwners(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		own, acme := w.actors["owner"].UserID, w.orgID
		// Of the user and of the organisation: r OwnerRead, m OwnerMember, s OwnerSettingsRead, A OwnerAdmin; then creating.
		for _, row := range []struct {
			name, caller, user, org, creates string
			scopes                           hub.Scopes
		}{
			{"write on its user", "owner", "+---", "+---", "+-", on("user", own, hub.PermRepoWrite)},
			{"write on the organisation", "admin", "+---", "+---", "-+", on("org", acme, hub.PermRepoWrite)},
			{"one repository", "owner", "+---", "+---", "--", on("model", "r", hub.PermRepoWrite)},
			{"settings", "admin", "+---", "++++", "--", on("org", acme, hub.PermOrgWrite)},
			{"reading settings", "admin", "+---", "+++-", "--", on("org", acme, hub.PermOrgRead)},
			{"settings, as a reader", "reader", "+---", "++--", "--", on("org", acme, hub.PermOrgWrite)},
			{"settings of another one", "admin", "+---", "+---", "--", on("org", "other", hub.PermOrgWrite)},
			{"administrator of the hub", "site-admin", "+---", "+---", "--", on("org", acme, hub.PermOrgWrite)},
		} {
			actor := w.scoped(row.caller, row.scopes)
			for i, r := range []Right{OwnerRead, OwnerMember, OwnerSettingsRead, OwnerAdmin} {
				for o, want := range map[account.Owner]byte{{ID: own, Kind: account.KindUser}: row.user[i], {ID: acme, Kind: account.KindOrg}: row.org[i]} {
					if err := w.authz.Owner(t.Context(), actor, o, r); !verdicts[want](err) {
						t.Errorf("%s, %s of %s: %v, want %c", row.name, r, o.Kind, err, want)
					}
				}
			}
			for i, o := range []account.Owner{{ID: own, Kind: account.KindUser}, {ID: acme, Kind: account.KindOrg}} {
				if err := w.authz.CreateIn(t.Context(), actor, o.ID, o.Kind); !verdicts[row.creates[i]](err) {
					t.Errorf("%s, creating in the %s: %v, want %c", row.name, o.Kind, err, row.creates[i])
				}
			}
		}
	})
}

// What a fine-grained token lists is what it may read.
func TestReadableOfFineGrainedToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		acme := w.orgID
		for _, caller := range []string{"stranger", "owner", "none", "reader", "writer", "site-admin"} {
			own := w.actors["owner"].UserID
			for name, sc := range map[string]hub.Scopes{
				"own": on("user", own, hub.PermRepoRead), "org": on("org", acme, hub.PermRepoWrite), "one": on("model", "r", hub.PermRepoRead),
				"another": on("model", "x", hub.PermRepoWrite), "no content": on("user", own, hub.PermRepoAccess), "settings": on("org", acme, hub.PermOrgWrite),
			} {
				actor := w.scoped(caller, sc)
				list, err := w.authz.Readable(t.Context(), actor)
				if err != nil {
					t.Fatal(err)
				}
				for _, repo := range []string{"user private", "org private"} {
					s := w.subject(repo, caller)
					if may := w.authz.Repo(t.Context(), actor, s, RepoRead) == nil; may != list.Has(s) {
						t.Errorf("%s's token for %s: reads %s %v, lists %v", caller, name, repo, may, list)
					}
				}
			}
		}
	})
}

// An organisation that has ended a token's access is to it as to a stranger; elsewhere nothing changes. A hub's
// administrator does not administer with such a token.
func TestBarredToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for _, caller := range []string{"reader", "creator", "writer", "admin", "site-admin"} {
			actor, stranger := w.actors[caller], w.actors["stranger"]
			actor.Proof, actor.Token, actor.Barred = hub.ProofToken, hub.TokenWrite, hub.NewIDSet("another", w.orgID)
			for _, repo := range []string{"org public", "org private", "org public gated"} {
				s := w.subject(repo, caller)
				for _, r := range columns {
					if got, want := w.authz.Repo(t.Context(), actor, s, r), w.authz.Repo(t.Context(), stranger, s, r); !same(got, want) {
						t.Errorf("%s, %s of %s: %v, a stranger %v", caller, r, repo, got, want)
					}
				}
			}
			acme := account.Owner{ID: w.orgID, Kind: account.KindOrg}
			for _, r := range []Right{OwnerMember, OwnerSettingsRead, OwnerAdmin} {
				if err := w.authz.Owner(t.Context(), actor, acme, r); !verdicts['-'](err) {
					t.Errorf("%s has %s: %v", caller, r, err)
				}
			}
			if err := w.authz.CreateIn(t.Context(), actor, w.orgID, account.KindOrg); !verdicts['-'](err) {
				t.Errorf("%s creates: %v", caller, err)
			}
			if err := w.authz.CreateIn(t.Context(), actor, actor.UserID, account.KindUser); err != nil {
				t.Errorf("%s in their own namespace: %v", caller, err)
			}
			if list, err := w.authz.Readable(t.Context(), actor); err != nil || list.All || slices.Contains(list.Owners, w.orgID) || !slices.Contains(list.Owners, actor.UserID) {
				t.Errorf("%s lists %+v, %v", caller, list, err)
			}
			if err := w.authz.Site(actor, SiteRead); err == nil {
				t.Errorf("%s administers the hub", caller)
			}
		}
	})
}

func same(a, b error) bool {
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return strings.TrimSpace(err.Error())
	}
	return text(a) == text(b)
}
