package authz

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

func TestOwner(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		// About the user owner and about the organisation: r OwnerRead, m OwnerMember, s OwnerSettingsRead, A OwnerAdmin.
		const table = `
			caller      user org
			            rmsA rmsA
			anonymous   +!!! +!!!
			stranger    +--- +---
			owner       ++++ +---
			none        +--- +---
			reader      +--- ++--
			contributor +--- ++--
			writer      +--- ++--
			admin       +--- ++++
			site-admin  ++++ ++++`
		rights := []Right{OwnerRead, OwnerMember, OwnerSettingsRead, OwnerAdmin}
		user := account.Owner{ID: w.actors["owner"].UserID, Kind: account.KindUser}
		acme := account.Owner{ID: w.orgID, Kind: account.KindOrg}
		for _, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
			f := strings.Fields(line)
			for i, o := range []account.Owner{user, acme} {
				for j, want := range []byte(f[i+1]) {
					actor := w.actors[f[0]]
					if err := w.authz.Owner(t.Context(), actor, o, rights[j]); !verdicts[want](err) {
						t.Errorf("%s, %s of %s: %v, want %c", f[0], rights[j], o.Kind, err, want)
					}
					if actor.Token = hub.TokenRead; rights[j] == OwnerAdmin && !actor.Anonymous() {
						want = '-'
					}
					if err := w.authz.Owner(t.Context(), actor, o, rights[j]); !verdicts[want](err) {
						t.Errorf("%s with a read token, %s of %s: %v, want %c", f[0], rights[j], o.Kind, err, want)
					}
					if actor.RepoID = "r"; rights[j] != OwnerRead {
						if err := w.authz.Owner(t.Context(), actor, o, rights[j]); err == nil {
							t.Errorf("%s with a proof for one repository has %s of %s", f[0], rights[j], o.Kind)
						}
					}
				}
			}
		}
		for _, r := range []Right{RepoAdmin, SiteAdmin, "", "typo"} {
			if err := w.authz.Owner(t.Context(), w.actors["site-admin"], user, r); !errs.Is(err, errs.Internal) {
				t.Errorf("%q on a user: %v", r, err)
			}
		}
	})
}

// S12: no proof makes one that is stronger than itself.
func TestAccountTakesAStrongProof(t *testing.T) {
	a := New(dbtest.New(t, db.SQLite))
	user := hub.Actor{UserID: "u"}
	for _, row := range []struct {
		proof hub.Proof
		role  hub.TokenRole
		may   bool
	}{
		{hub.ProofSession, "", true},
		{hub.ProofToken, hub.TokenWrite, true},
		{hub.ProofToken, hub.TokenRead, false},
		{hub.ProofKey, hub.TokenWrite, false},
		{hub.ProofOAuth, hub.TokenWrite, false},
	} {
		actor := user
		actor.Proof, actor.Token = row.proof, row.role
		if err := a.Site(actor, Account); (err == nil) != row.may {
			t.Errorf("%q with the role %q: %v", row.proof, row.role, err)
		}
		admin := actor
		admin.SiteAdmin = true
		if err := a.Site(admin, SiteAdmin); (err == nil) != row.may {
			t.Errorf("an administrator by %q with the role %q: %v", row.proof, row.role, err)
		}
		if err := a.Site(admin, SiteRead); (err == nil) != (row.proof != hub.ProofOAuth) {
			t.Errorf("an administrator who looks by %q with the role %q: %v", row.proof, row.role, err)
		}
		actor.Barred = hub.NewIDSet("o")
		if err := a.Site(actor, Account); err == nil {
			t.Errorf("%q that an organisation has shut out was let in", row.proof)
		}
		actor.Barred, actor.RepoID = nil, "r"
		if err := a.Site(actor, Account); err == nil {
			t.Errorf("%q for one repository only was let in", row.proof)
		}
	}
	if err := a.Site(hub.Actor{}, Account); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("anonymous: %v", err)
	}
}
