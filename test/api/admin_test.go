package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// What administrators do holds at once, and nobody else can do it to themselves.
func TestAdministration(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	ann, bob := h.User("ann"), h.User("bob")
	h.CreateRepo(ann, hub.Model, "ann/secret", true)
	h.Commit(ann, hub.Model, "ann/secret", "main", map[string]string{"a.txt": "a"})
	status := func(c testhub.Caller, method, path string, body any, want int) {
		t.Helper()
		if a := h.Do(c, method, path, body); a.Status != want {
			t.Errorf("%s %s as %s: %d instead of %d: %s", method, path, c.Name, a.Status, want, a.Body)
		}
	}
	var users []struct{ Name, Email string }
	h.JSON(h.Admin, http.MethodGet, "/api/admin/users?search=BOB&siteAdmin=false", nil, &users)
	if len(users) != 1 || users[0].Name != "bob" || users[0].Email != "bob@example.com" {
		t.Errorf("found %+v", users)
	}
	status(h.Admin, http.MethodGet, "/api/admin/users?disabled=perhaps", nil, http.StatusBadRequest)

	h.JSON(h.Admin, http.MethodPost, "/api/admin/users/bob/disable", map[string]any{"reason": "spam"}, nil)
	status(bob, http.MethodGet, "/api/whoami-v2", nil, http.StatusUnauthorized)
	h.JSON(h.Admin, http.MethodPost, "/api/admin/users/bob/enable", nil, nil)
	status(bob, http.MethodGet, "/api/whoami-v2", nil, http.StatusOK)
	status(bob, http.MethodGet, "/api/admin/audit", nil, http.StatusForbidden)
	status(bob, http.MethodPut, "/api/admin/quotas/bob", map[string]any{"private": -1}, http.StatusForbidden)
	h.JSON(h.Admin, http.MethodPatch, "/api/admin/users/bob", map[string]any{"siteAdmin": true}, nil)
	status(bob, http.MethodGet, "/api/admin/audit", nil, http.StatusOK)
	h.JSON(h.Admin, http.MethodPatch, "/api/admin/users/bob", map[string]any{"siteAdmin": false}, nil)
	status(bob, http.MethodGet, "/api/admin/audit", nil, http.StatusForbidden)
	status(h.Admin, http.MethodPatch, "/api/admin/users/"+h.Admin.Name, map[string]any{"siteAdmin": false}, http.StatusConflict)

	file := "/ann/secret/resolve/main/a.txt"
	var repos []struct{ Name, Visibility string }
	h.JSON(h.Admin, http.MethodGet, "/api/admin/repos?author=ann&search=SEC&type=model&disabled=false", nil, &repos)
	if len(repos) != 1 || repos[0].Name != "ann/secret" || repos[0].Visibility != "private" {
		t.Errorf("found %+v", repos)
	}
	h.JSON(h.Admin, http.MethodPost, "/api/admin/repos/disable", map[string]any{"name": "ann/secret", "reason": "claimed by its author"}, nil)
	if a := h.Do(ann, http.MethodGet, file, nil); a.Status < 400 {
		t.Errorf("a disabled repository is read by its owner: %d", a.Status)
	}
	h.JSON(h.Admin, http.MethodPost, "/api/admin/repos/enable", map[string]any{"name": "ann/secret"}, nil)
	status(ann, http.MethodGet, file, nil, http.StatusOK)

	h.JSON(h.Admin, http.MethodPut, "/api/admin/quotas/ann", map[string]any{"private": 10}, nil)
	var quota struct{ Private, Public struct{ Used, Limit *int64 } }
	h.JSON(h.Admin, http.MethodGet, "/api/admin/quotas/ann", nil, &quota)
	if quota.Private.Limit == nil || *quota.Private.Limit != 10 || *quota.Private.Used == 0 || quota.Public.Limit != nil {
		t.Errorf("quota %+v", quota)
	}
	status(ann, http.MethodPost, "/api/repos/create", map[string]any{"name": "more", "private": true}, http.StatusPaymentRequired)
	status(h.Admin, http.MethodPut, "/api/admin/quotas/ann", map[string]any{"all": 10}, http.StatusBadRequest)

	var settings struct {
		Registration string
		CreateOrgs   bool
	}
	h.JSON(h.Admin, http.MethodPatch, "/api/admin/settings", map[string]any{"registration": "closed"}, &settings)
	if settings.Registration != "closed" || !settings.CreateOrgs {
		t.Errorf("settings %+v", settings)
	}
	status(h.Admin, http.MethodPatch, "/api/admin/settings", map[string]any{"registration": "maybe"}, http.StatusBadRequest)
	status(h.Admin, http.MethodPatch, "/api/admin/settings", map[string]any{"colour": "red"}, http.StatusBadRequest)

	var log []struct{ Kind, Message string }
	h.JSON(h.Admin, http.MethodGet, "/api/admin/audit?q=author:"+h.Admin.Name, nil, &log)
	var kinds []string
	for _, e := range log {
		kinds = append(kinds, e.Kind)
	}
	if got, want := strings.Join(kinds, " "), "site.settings quota.owner repo.enable repo.disable user.edit user.edit user.enable user.disable"; got != want {
		t.Errorf("the log says %s, want %s", got, want)
	}
}
