package repo_test

import (
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// renameOwner does what the renaming of an organisation or user does.
func (w *world) renameOwner(owner account.Owner, to string) error {
	return w.db.Tx(ctx, func(tx *db.Tx) error {
		if err := account.ReleaseName(ctx, tx, owner.Name, owner.ID); err != nil {
			return err
		}
		if err := account.ClaimName(ctx, tx, to, owner.Kind, owner.ID); err != nil {
			return err
		}
		return w.repos.RenameOwner(ctx, tx, owner, to)
	})
}

func (w *world) owner(name string) account.Owner {
	w.Helper()
	o, err := account.Namespace(ctx, w.db, name)
	w.must(err)
	return o
}

func TestRenameOwner(t *testing.T) {
	each(t, func(w *world) {
		a := w.create(model("acme", "First"), hub.Public)
		w.create(hub.RepoID{Type: hub.Dataset, Namespace: "acme", Name: "d"}, hub.Private)
		elsewhere := w.create(model("bob", "b"), hub.Public)
		w.must(w.renameOwner(w.owner("acme"), "Apex"))
		got, redirected := w.find(model("apex", "first"))
		if got.RowID != a.RowID || redirected || got.ID() != model("Apex", "First") {
			t.Errorf("found %v, redirected %v", got.ID(), redirected)
		}
		if got, redirected := w.find(model("acme", "first")); got.RowID != a.RowID || !redirected {
			t.Errorf("the old name leads to %v, redirected %v", got.ID(), redirected)
		}
		if got, _ := w.find(model("bob", "b")); got.RowID != elsewhere.RowID {
			t.Error("somebody else's repository moved along")
		}
		w.must(w.renameOwner(w.owner("apex"), "APEX")) // the spelling alone
		if got, redirected := w.find(model("apex", "first")); got.Namespace != "APEX" || redirected {
			t.Errorf("spelt %v, redirected %v", got.ID(), redirected)
		}
		w.must(w.renameOwner(w.owner("apex"), "acme")) // and back
		for _, ns := range []string{"acme", "apex"} {
			if got, redirected := w.find(model(ns, "First")); got.RowID != a.RowID || redirected != (ns == "apex") {
				t.Errorf("%s: %v, redirected %v", ns, got.ID(), redirected)
			}
		}
	})
}

// An old name that leads to somebody's repository is never hidden by one that comes along with its owner's new name.
func TestS27RenamedOwnerShadowsNoRedirect(t *testing.T) {
	each(t, func(w *world) {
		moved := w.create(model("bob", "m"), hub.Public)
		w.exec(`INSERT INTO repo_redirect (type, name_key, repo_id, created_at) VALUES ('model', 'old/m', ?, 0)`, moved.RowID)
		mine := w.create(model("acme", "m"), hub.Public)
		w.wantKind(w.renameOwner(w.owner("acme"), "old"), errs.Conflict, "shadowing")
		if got, redirected := w.find(model("old", "m")); got.RowID != moved.RowID || !redirected {
			t.Errorf("the redirect leads to %v", got.ID())
		}
		if got, _ := w.find(model("acme", "m")); got.RowID != mine.RowID {
			t.Errorf("half a rename: %v", got.ID())
		}
	})
}

func TestOwnerRules(t *testing.T) {
	each(t, func(w *world) {
		acme := w.owner("acme").ID
		rules := repo.OwnerRules{}
		w.repos.Attach(repo.Hooks{OwnerRules: func(_ ctxT, _ db.Queryer, ownerID string) (repo.OwnerRules, error) {
			if ownerID == acme {
				return rules, nil
			}
			return repo.OwnerRules{}, nil
		}})
		alice := w.actor["alice"]
		make := func(name string, v hub.Visibility) (*repo.Repo, error) {
			return w.repos.Create(ctx, alice, repo.NewRepo{ID: model("acme", name), Visibility: v})
		}
		early := w.create(model("acme", "early"), "")
		if early.Private() {
			t.Error("private though nobody said so")
		}
		rules.DefaultVisibility = hub.Private
		r, err := make("default", "")
		w.must(err)
		if !r.Private() {
			t.Error("not private by default")
		}
		if r, err = make("open", hub.Public); err != nil || r.Private() {
			t.Errorf("a default is no rule: %v", err)
		}
		rules.ForcePrivate = true
		_, err = make("refused", hub.Public)
		w.wantKind(err, errs.Forbidden, "create")
		own := w.create(model("alice", "own"), hub.Public)
		_, err = w.repos.Move(ctx, alice, own.ID(), model("acme", "own"))
		w.wantKind(err, errs.Forbidden, "move a public one here")
		_, err = w.repos.Duplicate(ctx, alice, own, model("acme", "copy"), hub.Public)
		w.wantKind(err, errs.Forbidden, "duplicate as public")
		dup, err := w.repos.Duplicate(ctx, alice, own, model("acme", "copy"), "")
		w.must(err)
		if !dup.Private() {
			t.Error("the copy of a public one is public")
		}
		_, err = w.repos.SetSettings(ctx, alice, dup, settings(`{"private": false}`))
		w.wantKind(err, errs.Forbidden, "make public")
		// What is public already stays so until somebody makes it private, and then for good.
		_, err = w.repos.SetSettings(ctx, alice, early, settings(`{"gated": "auto", "private": false}`))
		w.must(err)
		_, err = w.repos.SetSettings(ctx, alice, early, settings(`{"private": true}`))
		w.must(err)
		_, err = w.repos.SetSettings(ctx, alice, early, settings(`{"visibility": "public"}`))
		w.wantKind(err, errs.Forbidden, "make public again")
	})
}
