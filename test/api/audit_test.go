package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type auditEntry struct {
	ID        string `json:"_id"`
	Type      string
	Kind      string
	Repo      string
	Message   string
	IP        string
	UserAgent string
	Author    struct{ User, Type string }
	Token     *struct {
		ID, Role, Last4 string
		Deleted         bool
	}
}

// audited reads an organisation's log and gives its types, the oldest first.
func audited(t *testing.T, h *testhub.Hub, c testhub.Caller, path string) (types []string, list []auditEntry) {
	t.Helper()
	h.JSON(c, http.MethodGet, path, nil, &list)
	slices.Reverse(list)
	for _, e := range list {
		types = append(types, e.Type)
	}
	return types, list
}

func TestAuditLogOfAnOrganization(t *testing.T) {
	t.Parallel()
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		boss, ann := h.User("boss"), h.User("ann")
		h.Org("acme", boss, map[string]hub.Role{"ann": hub.RoleWrite})
		h.Org("other", boss, nil)
		h.CreateRepo(ann, hub.Dataset, "acme/squad", true)
		h.Commit(ann, hub.Dataset, "acme/squad", "main", map[string]string{"a.txt": "a"})
		h.JSON(boss, http.MethodPut, "/api/datasets/acme/squad/settings", map[string]any{"private": false}, nil)
		h.JSON(boss, http.MethodPost, "/api/repos/move", map[string]any{"fromRepo": "acme/squad", "toRepo": "acme/squad2", "type": "dataset"}, nil)
		h.JSON(boss, http.MethodDelete, "/api/repos/delete", map[string]any{"organization": "acme", "name": "squad2", "type": "dataset"}, nil)

		const log = "/api/organizations/acme/audit-log"
		types, list := audited(t, h, boss, log+"/export")
		want := "org.create org.add_user repo.create repo.update_settings repo.move repo.delete"
		if got := strings.Join(types, " "); got != want {
			t.Errorf("exported %s, want %s", got, want)
		}
		created := list[2]
		if created.Message != "Created dataset acme/squad" || created.Author.User != "ann" || created.Author.Type != "user" || created.IP == "" ||
			created.Token == nil || created.Token.Role != "write" || created.Token.Last4 != ann.Token[len(ann.Token)-4:] || created.Token.Deleted {
			t.Errorf("the creation: %+v %+v", created, created.Token)
		}
		if list[0].Author.Type != "system" {
			t.Errorf("what no request did is by %+v", list[0].Author)
		}
		whole, _ := audited(t, h, boss, log)
		if got := strings.Join(whole, " "); got != strings.Replace(want, "repo.update", "repo.commit repo.update", 1) {
			t.Errorf("the whole log: %s", got)
		}
		for q, want := range map[string]string{
			"author:ann":                    "repo.create",
			"type:repo.delete":              "repo.delete",
			"type:org.add_user%20author:x":  "",
			"created%20SQUAD":               "repo.create",
			"ip:198.51.100.1":               "",
			"author:boss%20type:repo.move":  "repo.move",
			"author:boss%20type:repo.squid": "",
		} {
			if got, _ := audited(t, h, boss, log+"/export?q="+q); strings.Join(got, " ") != want {
				t.Errorf("%s: %s, want %s", q, got, want)
			}
		}
		if ids := pages(t, h, boss, log+"?limit=2", func(e auditEntry) string { return e.ID }); len(ids) != len(whole) {
			t.Errorf("%d entries on all pages, want %d", len(ids), len(whole))
		}
		if a := h.Do(ann, http.MethodGet, log+"/export", nil); a.Status != http.StatusForbidden {
			t.Errorf("a writer reads the log: %d", a.Status)
		}
	})
}

// An organisation's admins do not learn from where, with what client and by which token strangers came, nor by searching
// for an address page by page; likes, which any stranger can give, are not in their log at all.
func TestAnOrganizationsLogDoesNotShowWhereStrangersAre(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		boss, ann, eve := h.User("boss"), h.User("ann"), h.User("eve")
		h.Org("acme", boss, map[string]hub.Role{"ann": hub.RoleWrite})
		h.CreateRepo(ann, hub.Model, "acme/open", false)
		h.JSON(boss, http.MethodPatch, "/api/organizations/acme/settings", map[string]any{"joinRequests": true}, nil)
		h.JSON(eve, http.MethodPost, "/api/models/acme/open/like", nil, nil)
		h.JSON(eve, http.MethodDelete, "/api/models/acme/open/like", nil, nil)
		h.JSON(eve, http.MethodPost, "/api/organizations/acme/join-requests", map[string]any{"message": "let me in"}, nil)

		const log = "/api/organizations/acme/audit-log"
		check := func(path, who string, shown bool) (ip string) {
			t.Helper()
			types, list := audited(t, h, boss, path)
			if strings.Contains(strings.Join(types, " "), "like") {
				t.Errorf("%s holds likes: %s", path, types)
			}
			list = slices.DeleteFunc(list, func(e auditEntry) bool { return e.Author.User != who })
			if len(list) == 0 {
				t.Fatalf("%s: %s did nothing", path, who)
			}
			for _, e := range list {
				if ip = e.IP; (e.IP != "") != shown || (e.UserAgent != "") != shown || (e.Token != nil) != shown {
					t.Errorf("%s: of %s's %s it shows %+v %+v", path, who, e.Type, e, e.Token)
				}
			}
			return ip
		}
		check(log, "eve", false)
		check(log+"/export", "ann", true)
		ip := check(log, "ann", true)
		for _, path := range []string{log + "/export", log} {
			types, list := audited(t, h, boss, path+"?q=author:eve%20ip:"+ip)
			if len(list) != 0 {
				t.Errorf("by address and author: %s", types)
			}
		}
		if a := h.Do(boss, http.MethodGet, log+"?limit=1&q=author:eve%20ip:"+ip, nil); a.Header.Get("Link") != "" {
			t.Errorf("the next page tells that there is something: %s", a.Header.Get("Link"))
		}
		all := pages(t, h, boss, log+"?limit=1&q=ip:"+ip, func(e auditEntry) string { return e.ID })
		if len(all) < 2 || slices.ContainsFunc(all, func(e auditEntry) bool { return e.Author.User == "eve" }) {
			t.Errorf("by address, page by page: %+v", all)
		}
		h.JSON(boss, http.MethodPost, "/api/organizations/acme/join-requests/eve/approve", map[string]any{"role": "read"}, nil)
		check(log, "eve", true)
		h.JSON(boss, http.MethodDelete, "/api/organizations/acme/members/ann", nil, nil)
		check(log+"/export", "ann", false)
		root := h.Member("ruth", true)
		types, list := audited(t, h, root, "/api/admin/audit?owner=eve&q=acme")
		if got := strings.Join(types, " "); !strings.Contains(got, "repo.like repo.unlike") || list[0].IP == "" {
			t.Errorf("eve's own log: %s", got)
		}
	})
}

// A commit that began before a repository moved is in the log of who has the repository when it is made.
func TestACommitIsInTheLogOfWhoHasTheRepositoryByThen(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		boss := h.User("boss")
		h.Org("acme", boss, nil)
		h.CreateRepo(boss, hub.Model, "boss/m", true)
		before, err := h.App.Repo(t.Context(), "boss/m")
		if err != nil {
			t.Fatal(err)
		}
		h.JSON(boss, http.MethodPost, "/api/repos/move", map[string]any{"fromRepo": "boss/m", "toRepo": "acme/m", "type": "model"}, nil)
		ops := func(yield func(content.Operation, error) bool) {
			yield(content.Operation{Kind: content.OpFile, Path: "a.txt", Content: []byte("a")}, nil)
		}
		actor := hub.Actor{UserID: ownerOf(h, "boss").ID, Name: "boss"}
		if _, err := h.App.Content().Commit(t.Context(), actor, before, content.NewCommit{Branch: "main", Summary: "late"}, ops); err != nil {
			t.Fatal(err)
		}
		if types, _ := audited(t, h, boss, "/api/organizations/acme/audit-log?q=type:repo.commit"); strings.Join(types, " ") != "repo.commit" {
			t.Errorf("the new owner's log: %s", types)
		}
	})
}
