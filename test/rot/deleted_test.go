package rot_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/testhub"
)

// While a deleted repository may come back, it is as safe as any other: its bytes are read and its damage is named, no
// collector takes anything of it however short the other graces are, a backup carries it, and it comes back whole, here and
// in what is restored.
func TestDeletedRepositoriesAreKeptWhole(t *testing.T) {
	t.Run("sqlite+folder", func(t *testing.T) { keptWhole(t, testhub.New(t, noGrace)) })
	t.Run("postgres+s3", func(t *testing.T) { keptWhole(t, testhub.NewScaled(t, noGrace)) })
}

func noGrace(c *config.Config) {
	c.KeepUnreachable, c.KeepUnnamed, c.KeepXorbs, c.KeepUncommitted = 0, 0, 0, 0
}

func keptWhole(t *testing.T, h *testhub.Hub) {
	alice := h.Member("alice", false)
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	h.CreateRepo(alice, hub.Model, "alice/other", false)
	files := map[string]string{"w.bin": noise(11, 300_000), "long.txt": noise(12, 2_000_000), "README.md": "# hello\n"}
	h.CommitLarge(alice, hub.Model, "alice/m", "w.bin", files["w.bin"])
	h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"long.txt": files["long.txt"]})
	h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"README.md": files["README.md"]})
	h.Upload(alice, hub.Model, "alice/other", noise(13, 200_000)) // never committed: goes
	h.JSON(alice, http.MethodDelete, "/api/repos/delete", map[string]any{"name": "m", "organization": "alice"}, nil)
	id := deletedID(t, h)

	for range 3 { // mark, bury, free
		if r, err := h.App.Collect(t.Context(), false); err != nil || len(r.Failures) > 0 || r.Purged > 0 {
			t.Fatal(err, r)
		}
	}
	h.Sound()
	named(t, h, "alice/m (deleted): w.bin@main\n", "xorbs/", "", "xorb.corrupt")
	named(t, h, "alice/m (deleted)", "git/", ".pack", "pack.corrupt")

	folder := t.TempDir()
	if out, err := h.Backup(folder); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	again := h.Restored(folder)
	again.Sound()
	for _, at := range []*testhub.Hub{again, h} {
		if _, err := at.App.Repos().Undelete(t.Context(), hub.Actor{UserID: "cli", SiteAdmin: true}, id, hub.RepoID{}); err != nil {
			t.Fatal(err)
		}
		for path, content := range files {
			if a := at.Do(alice, http.MethodGet, "/alice/m/resolve/main/"+path, nil); a.Status != http.StatusOK || string(a.Body) != content {
				t.Errorf("%s: %d, %d bytes of %d", path, a.Status, len(a.Body), len(content))
			}
		}
		at.Sound()
	}
}

func deletedID(t *testing.T, h *testhub.Hub) (id string) {
	t.Helper()
	if err := h.App.Repos().Deleted(t.Context(), func(d repo.Deleted) error { id = d.RowID; return nil }); err != nil || id == "" {
		t.Fatal(id, err)
	}
	return id
}

// named spoils an object of a deleted repository, sees that the damage is found and what it is said to take away, and takes it back.
func named(t *testing.T, h *testhub.Hub, place, prefix, suffix string, kind fsck.Kind) {
	t.Helper()
	restore := spoil(t, h, prefix, suffix)
	defer restore()
	r := h.Fsck(fsck.Options{Data: true})
	var b strings.Builder
	r.WriteText(&b)
	if !slices.ContainsFunc(r.Findings, func(f *fsck.Finding) bool { return f.Kind == kind }) || !strings.Contains(b.String(), "in "+place) {
		t.Errorf("%s of a deleted repository:\n%s", prefix, b.String())
	}
}
