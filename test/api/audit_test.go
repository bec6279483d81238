package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type auditEntry struct {
	ID      string `json:"_id"`
	Type    string
	Kind    string
	Repo    string
	Message string
	IP      string
	Author  struct{ User, Type string }
	Token   *struct {
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
