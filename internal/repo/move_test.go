package repo_test

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

func (w *world) move(actor string, from, to hub.RepoID) error {
	_, err := w.repos.Move(ctx, w.actor[actor], from, to)
	return err
}

func TestMoveLeavesRedirects(t *testing.T) {
	each(t, func(w *world) {
		r := w.create(model("alice", "one"), hub.Public)
		w.must(w.move("alice", model("alice", "one"), model("alice", "Two")))
		w.must(w.move("alice", model("alice", "two"), model("acme", "three")))
		for _, old := range []string{"one", "ONE", "two"} {
			got, redirected := w.find(model("alice", old))
			if got.RowID != r.RowID || !redirected || got.ID().String() != "acme/three" {
				w.Errorf("alice/%s leads to %v, %v", old, got.ID(), redirected)
			}
		}
		if got, redirected := w.find(model("Acme", "Three")); got.RowID != r.RowID || redirected || got.OwnerID == w.actor["alice"].UserID {
			w.Errorf("acme/three: %+v, %v", got, redirected)
		}
		// Back to an earlier name: that redirect goes, the others follow.
		w.must(w.move("alice", model("acme", "three"), model("alice", "one")))
		if _, redirected := w.find(model("alice", "one")); redirected {
			w.Error("alice/one is still a redirect")
		}
		if got, redirected := w.find(model("acme", "three")); !redirected || got.RowID != r.RowID {
			w.Error("acme/three is no redirect")
		}
		// Only the case changes.
		w.must(w.move("alice", model("alice", "one"), model("alice", "ONE")))
		if got, redirected := w.find(model("alice", "one")); redirected || got.Name != "ONE" {
			w.Errorf("alice/ONE: %v, %v", got.ID(), redirected)
		}
	})
}

func TestNobodyInheritsAnOldName(t *testing.T) {
	each(t, func(w *world) {
		w.create(model("alice", "model"), hub.Public)
		w.must(w.move("alice", model("alice", "model"), model("acme", "model")))
		// The name leads to acme's repository: not even alice takes it away from those who follow it.
		_, err := w.repos.Create(ctx, w.actor["alice"], repo.NewRepo{ID: model("alice", "Model")})
		w.wantKind(err, errs.Conflict, "create over a redirect to another owner")
		other := w.create(model("alice", "other"), hub.Public)
		w.wantKind(w.move("alice", other.ID(), model("alice", "model")), errs.Conflict, "move over a redirect to another owner")

		// Within one owner the name may be used again, and then is the new repository's.
		w.must(w.move("alice", model("alice", "other"), model("alice", "renamed")))
		fresh := w.create(model("alice", "other"), hub.Public)
		if got, redirected := w.find(model("alice", "other")); redirected || got.RowID != fresh.RowID {
			w.Error("the new repository is shadowed by the redirect")
		}
		// A deleted repository takes its redirects with it.
		w.must(w.repos.Delete(ctx, w.actor["alice"], model("acme", "model")))
		if _, _, err := w.repos.Find(ctx, nil, model("alice", "model")); !errs.Is(err, errs.NotFound) {
			w.Errorf("a redirect outlived its repository: %v", err)
		}
	})
}

func TestMoveRights(t *testing.T) {
	each(t, func(w *world) {
		w.create(model("alice", "pub"), hub.Public)
		w.create(model("alice", "priv"), hub.Private)
		w.create(model("bob", "mine"), hub.Public)
		w.wantKind(w.move("bob", model("alice", "pub"), model("bob", "x")), errs.Forbidden, "move another's repository")
		w.wantKind(w.move("bob", model("alice", "priv"), model("bob", "x")), errs.NotFound, "move what one may not see")
		w.wantKind(w.move("bob", model("alice", "absent"), model("bob", "x")), errs.NotFound, "move what is not there")
		w.wantKind(w.move("bob", model("bob", "mine"), model("alice", "x")), errs.Forbidden, "move into another's namespace")
		w.wantKind(w.move("bob", model("bob", "mine"), model("bob", "a--b")), errs.Invalid, "move to a bad name")
		err := w.move("alice", model("alice", "pub"), model("alice", "PRIV"))
		w.wantKind(err, errs.Conflict, "move to a taken name")
		if err == nil || !strings.Contains(err.Error(), "A model repository called alice/PRIV already exists") {
			w.Errorf("message: %v", err)
		}
	})
}

func TestDuplicate(t *testing.T) {
	each(t, func(w *world) {
		src := w.create(model("alice", "src"), hub.Private)
		var copied [2]string
		w.repos.Attach(repo.Hooks{CopyFiles: func(_ ctxT, _ txT, from, to string, named iter.Seq[hub.SHA256]) error {
			copied = [2]string{from, to}
			if files := slices.Collect(named); len(files) != 0 {
				w.Errorf("names large files: %v", files)
			}
			return nil
		}})
		dup, err := w.repos.Duplicate(ctx, w.actor["alice"], src, model("acme", "dup"), "")
		w.must(err)
		if dup.Visibility != hub.Private || dup.Head != src.Head || w.readFile(dup, ".gitattributes") == "" || copied != [2]string{src.RowID, dup.RowID} {
			w.Errorf("duplicate: %+v, files %v", dup, copied)
		}
		_, err = w.repos.Duplicate(ctx, w.actor["bob"], src, model("bob", "dup"), "")
		w.wantKind(err, errs.NotFound, "duplicate what one may not see")
		_, err = w.repos.Duplicate(ctx, w.actor["alice"], src, model("acme", "DUP"), "")
		w.wantKind(err, errs.Conflict, "duplicate over a taken name")

		gated := w.create(model("acme", "gated"), hub.Public)
		_, err = w.repos.SetSettings(ctx, w.actor["alice"], gated, settings(`{"gated":"manual"}`))
		w.must(err)
		gated, _ = w.find(gated.ID())
		for _, who := range []string{"bob", "carol"} {
			_, err = w.repos.Duplicate(ctx, w.actor[who], gated, model(who, "dup"), hub.Public)
			w.wantKind(err, errs.Forbidden, who+" duplicates a gated repository")
		}
		dup, err = w.repos.Duplicate(ctx, w.actor["alice"], gated, model("alice", "dup"), hub.Public)
		w.must(err)
		if dup.Gated != "manual" {
			w.Error("the copy lost its gate")
		}
	})
}

func TestDelete(t *testing.T) {
	each(t, func(w *world) {
		r := w.create(model("alice", "gone"), hub.Private)
		w.wantKind(w.repos.Delete(ctx, w.actor["bob"], r.ID()), errs.NotFound, "a stranger deletes a private repository")
		w.must(w.move("alice", r.ID(), model("alice", "new")))
		w.wantKind(w.repos.Delete(ctx, w.actor["alice"], r.ID()), errs.Conflict, "delete by an old name")
		var dropped string
		w.repos.Attach(repo.Hooks{DropFiles: func(_ ctxT, _ txT, id string) error { dropped = id; return nil }})
		w.must(w.repos.Delete(ctx, w.actor["alice"], model("alice", "new")))
		if dropped != r.RowID {
			w.Error("the rights to large files were not dropped")
		}
		_, _, err := w.repos.Find(ctx, nil, model("alice", "new"))
		w.wantKind(err, errs.NotFound, "find what is deleted")
		w.create(model("alice", "new"), hub.Public)
	})
}
