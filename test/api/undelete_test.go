package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/testhub"
)

var root = hub.Actor{UserID: "cli", SiteAdmin: true}

func deletedOnes(h *testhub.Hub) (list []repo.Deleted) {
	h.T.Helper()
	if err := h.App.Repos().Deleted(h.T.Context(), func(d repo.Deleted) error { list = append(list, d); return nil }); err != nil {
		h.T.Fatal(err)
	}
	return list
}

// A deleted repository is gone from every door and from the quota, lends its content to nobody, and comes back whole.
func TestDeletedRepositoryComesBack(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"README.md": "---\nlicense: mit\n---\nhello"})
		text := babble(77, 30_000)
		addLarge(h, alice, "alice/m", "main", "w.bin", text)
		token := ok[struct{ AccessToken, CasURL string }](t, "token", get(h, alice, "/api/models/alice/m/xet-read-token/main"))
		used := usage(h, "alice")
		var xet string
		for _, f := range largeList(h, alice, "alice/m", "") {
			xet = f.XetHash
		}
		h.JSON(alice, "DELETE", "/api/repos/delete", dict{"name": "m", "organization": "alice"}, nil)

		for _, path := range []string{"/api/models/alice/m", "/alice/m/resolve/main/w.bin", "/alice/m.git/info/refs?service=git-upload-pack"} {
			gone, none := get(h, alice, path), get(h, alice, "/api/models/alice/none")
			if gone.Status != none.Status {
				t.Errorf("%s: %d", path, gone.Status)
			}
		}
		if xet != "" {
			if a := h.Do(nobody, "GET", "/v1/reconstructions/"+xet, nil, "Authorization", "Bearer "+token.AccessToken); a.Status == http.StatusOK {
				t.Errorf("a token of before still opens it: %d %s", a.Status, a.Body)
			}
		}
		if now := usage(h, "alice"); now.Private.Used != 0 || now.Public.Used != 0 {
			t.Errorf("it still counts: %+v", now)
		}
		exact(h, "deleted")
		list := deletedOnes(h)
		if len(list) != 1 || list[0].ID.String() != "alice/m" || list[0].Bytes < int64(len(text)) || list[0].Held {
			t.Fatalf("%+v", list)
		}
		if n, err := h.App.Repos().Purge(t.Context()); n != 0 || err != nil {
			t.Fatalf("purged before its time: %d %v", n, err)
		}
		if _, err := h.App.Repos().Undelete(t.Context(), hub.Actor{UserID: "somebody"}, list[0].RowID, hub.RepoID{}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("by somebody: %v", err)
		}
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		if _, err := h.App.Repos().Undelete(t.Context(), root, list[0].RowID, hub.RepoID{}); !errs.Is(err, errs.Conflict) {
			t.Errorf("the name is taken: %v", err)
		}
		limit(h, "alice", 10, 10)
		if _, err := h.App.Repos().Undelete(t.Context(), root, list[0].RowID, hub.RepoID{Namespace: "alice", Name: "back"}); !errs.Is(err, errs.PaymentRequired) && !errs.Is(err, errs.Forbidden) {
			t.Errorf("no room: %v", err)
		}
		limit(h, "alice", 1_000_000, 1_000_000)
		r, err := h.App.Repos().Undelete(t.Context(), root, list[0].RowID, hub.RepoID{Namespace: "alice", Name: "back"})
		if err != nil || r.ID().String() != "alice/back" || len(deletedOnes(h)) != 0 {
			t.Fatalf("%v %v", r, err)
		}
		if read(h, alice, "alice/back", "main", "w.bin") != text || read(h, alice, "alice/back", "main", "README.md") == "" {
			t.Error("its files did not come back")
		}
		if err := h.App.Content().Refresh(t.Context(), r.RowID); err != nil {
			t.Fatal(err)
		}
		if info := ok[struct{ CardData dict }](t, "info", get(h, alice, "/api/models/alice/back")); info.CardData["license"] != "mit" {
			t.Errorf("its card did not come back: %+v", info)
		}
		exact(h, "undeleted")
		if now := usage(h, "alice"); now.Private.Used+now.Public.Used < used.Private.Used+used.Public.Used {
			t.Errorf("%+v counts, %+v before", now, used)
		}
		addLarge(h, alice, "alice/back", "main", "more.bin", babble(78, 30_000))
	})
}

// What was deleted is removed for good when its time is over, with its owner, or at once where nothing is kept; not while it is held.
func TestDeletedRepositoryIsRemoved(t *testing.T) {
	h := testhub.New(t, func(c *config.Config) { c.KeepDeleted = time.Microsecond })
	alice := model(h, "alice", "m", map[string]string{"f": "1"})
	addLarge(h, alice, "alice/m", "main", "w.bin", babble(79, 30_000))
	r, err := h.App.Repo(t.Context(), "alice/m")
	if err != nil {
		t.Fatal(err)
	}
	var id string
	err = h.App.DB().Tx(t.Context(), func(tx *db.Tx) (err error) {
		id, err = hold.Add(t.Context(), tx, hold.Hold{Kind: hold.Operator, RepoID: r.RowID})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.JSON(alice, "DELETE", "/api/repos/delete", dict{"name": "m", "organization": "alice"}, nil)
	if n, err := h.App.Repos().Purge(t.Context()); n != 0 || err != nil {
		t.Errorf("held: %d %v", n, err)
	}
	if list := deletedOnes(h); len(list) != 1 || !list[0].Held {
		t.Fatalf("%+v", list)
	}
	if err := h.App.RemoveHold(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := h.App.Repos().Purge(t.Context()); err != nil { // or the schedule was here before
		t.Fatal(err)
	}
	for _, table := range []string{"repo_deleted", "git_repo", "git_pack", "git_ref", "xet_repo_file", "xet_repo_xorb"} {
		var n int
		if err := h.App.DB().Get(t.Context(), &n, "SELECT COUNT(*) FROM "+table); err != nil || n != 0 {
			t.Errorf("%s: %d rows %v", table, n, err)
		}
	}
}
