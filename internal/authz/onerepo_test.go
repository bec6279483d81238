package authz

import (
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hub"
)

// A deploy key opens its own repository as far as its role says and never its settings; any other repository, public
// ones included, does not exist for it. A user's proof for one repository never gives more than the user has.
func TestProofForOneRepository(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		key := func(role hub.TokenRole) hub.Actor {
			return hub.Actor{UserID: "k", Token: role, RepoID: "r", Deploy: true}
		}
		bound := func(caller string, role hub.TokenRole) hub.Actor {
			a := w.actors[caller]
			a.RepoID, a.Token = "r", role
			return a
		}
		for _, row := range []struct {
			name     string
			actor    hub.Actor
			verdicts string // of columns
		}{
			{"deploy key that writes", key(hub.TokenWrite), "+--+++--"},
			{"deploy key that reads", key(hub.TokenRead), "+--++---"},
			{"owner", bound("owner", hub.TokenWrite), "+--+++++"},
			{"owner, reading", bound("owner", hub.TokenRead), "+--++---"},
			{"stranger", bound("stranger", hub.TokenWrite), "????????"},
		} {
			for i, r := range columns {
				s := w.subject("user private gated", "")
				if err := w.authz.Repo(t.Context(), row.actor, s, r); !verdicts[row.verdicts[i]](err) {
					t.Errorf("%s, %s: %v, want %c", row.name, r, err, row.verdicts[i])
				}
				for _, other := range []string{"user public", "user private"} {
					s := w.subject(other, "")
					s.RepoID = "other"
					if err := w.authz.Repo(t.Context(), row.actor, s, r); !verdicts['?'](err) {
						t.Errorf("%s, %s of another repository (%s): %v", row.name, r, other, err)
					}
				}
			}
			for _, r := range []Right{SignedIn, Write, SiteRead, SiteAdmin} {
				if err := w.authz.Site(row.actor, r); err == nil {
					t.Errorf("%s has the right %s of the site", row.name, r)
				}
			}
			if err := w.authz.CreateIn(t.Context(), row.actor, row.actor.UserID, account.KindUser); err == nil {
				t.Errorf("%s creates repositories", row.name)
			}
			if ids, all, err := w.authz.ReadableOwners(t.Context(), row.actor); len(ids) > 0 || all || err != nil {
				t.Errorf("%s reads of %v, %v", row.name, ids, err)
			}
		}
		disabled := w.subject("user public disabled", "")
		if err := w.authz.Repo(t.Context(), key(hub.TokenWrite), disabled, RepoContent); !verdicts['d'](err) {
			t.Errorf("a deploy key of a disabled repository: %v", err)
		}
	})
}
