package fsck_test

import (
	"net/http"
	"testing"

	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Damage in a repository that was deleted and may come back is found and named like any other, also when its name is another's
// by now. It was found in its bytes alone, and named by an id.
func TestDeletedRepositoriesAreProven(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		xorb, pack := w.xorbOf(w.repo), w.keys("git/", ".pack")[0]
		for name, kind := range map[string]string{"model": "model", "data": "dataset"} {
			h.JSON(w.alice, http.MethodDelete, "/api/repos/delete", map[string]any{"name": name, "organization": "alice", "type": kind}, nil)
		}
		h.CreateRepo(w.alice, hub.Model, "alice/model", false)
		h.Commit(w.alice, hub.Model, "alice/model", "main", map[string]string{"new.txt": "new"})
		h.Sound()
		const (
			lostFile = "alice/model (deleted): dir/weights.bin@main"
			lostRepo = "alice/model (deleted)"
			lostData = "datasets/alice/data (deleted)@main"
		)
		deleted, err := h.App.Repos().HeadOf(t.Context(), h.App.DB(), w.repo)
		if err != nil || deleted == nil || !deleted.Deleted {
			t.Fatal(deleted, err)
		}
		for _, c := range []struct {
			name  string
			spoil func() (undo func())
			want  expectation
		}{
			{"a bit of a xorb", func() func() { return w.spoil(xorb, flip(1000)) }, expectation{"xorb.corrupt", lostFile}},
			{"a xorb", func() func() { return w.spoil(xorb, none) }, expectation{"xorb.absent", lostFile}},
			{"a bit of a pack", func() func() { return w.spoil(pack, flip(50_000)) }, expectation{"pack.corrupt", lostData}},
			{"a ref", func() func() {
				var was string
				w.get(&was, "SELECT oid FROM git_ref WHERE repo_id = ? AND name = 'refs/heads/main'", w.repo)
				set := "UPDATE git_ref SET oid = ? WHERE repo_id = ? AND name = 'refs/heads/main'"
				w.exec(set, "00000000000000000000000000000000000000aa", w.repo)
				return func() { w.exec(set, was, w.repo) }
			}, expectation{fsck.RefMissing, lostRepo + "@main"}},
			{"what a file is made of", func() func() {
				return w.column("xet_repo_file", "terms", "repo_id = ?", flip(36), w.repo)
			}, expectation{fsck.FileTerms, lostRepo}},
		} {
			undo := c.spoil()
			if r := h.Fsck(fsck.Options{Data: true}); !c.want.in(r) || r.Clean() {
				t.Errorf("%s: no %s in %s:\n%s", c.name, c.want.kind, c.want.place, text(r))
			}
			alone := h.Fsck(fsck.Options{Data: true, Repo: deleted})
			if mine := c.want.place != lostData; c.want.in(alone) != mine || alone.Clean() == mine || alone.Repos != 1 {
				t.Errorf("%s, the repository alone:\n%s", c.name, text(alone))
			}
			undo()
			h.Sound()
		}
		if _, err := h.App.Repos().Undelete(t.Context(), hub.Actor{UserID: "cli", SiteAdmin: true}, w.repo, hub.RepoID{Namespace: "alice", Name: "back"}); err != nil {
			t.Fatal(err)
		}
		a := h.Do(w.alice, http.MethodGet, "/alice/back/resolve/main/dir/weights.bin", nil)
		if a.Status != http.StatusOK || string(a.Body) != random(1, 300_000) {
			t.Errorf("%d, %d bytes", a.Status, len(a.Body))
		}
		h.Sound()
	})
}
