package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/testhub"
)

func patch(h *testhub.Hub, c testhub.Caller, path string, body any) testhub.Answer {
	h.T.Helper()
	return h.Do(c, http.MethodPatch, path, body)
}

func del(h *testhub.Hub, c testhub.Caller, path string, body any) testhub.Answer {
	h.T.Helper()
	return h.Do(c, http.MethodDelete, path, body)
}

func put(h *testhub.Hub, c testhub.Caller, path string, body any) testhub.Answer {
	h.T.Helper()
	return h.Do(c, http.MethodPut, path, body)
}

func TestOrganizationLife(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		ann, bob, cid := h.User("ann"), h.User("bob"), h.User("cid")
		made := ok[dict](t, "create", post(h, ann, "/api/organizations", dict{"name": "Acme", "fullname": "Acme Inc."}))
		if made["name"] != "Acme" || made["url"] != h.URL+"/Acme" {
			t.Errorf("created %v", made)
		}
		refused(t, "a taken name", post(h, bob, "/api/organizations", dict{"name": "acme"}), 409, "", "acme")
		refused(t, "a reserved name", post(h, bob, "/api/organizations", dict{"name": "datasets"}), 400, "")
		ok[dict](t, "KohakuHub's address", post(h, bob, "/org/create", dict{"name": "other", "description": "x"}))

		ok[dict](t, "add", post(h, ann, "/api/organizations/acme/members", dict{"username": "bob", "role": "contributor"}))
		refused(t, "add again", post(h, ann, "/api/organizations/acme/members", dict{"username": "bob", "role": "admin"}), 409, "")
		refused(t, "add nobody", post(h, ann, "/api/organizations/acme/members", dict{"username": "nobody", "role": "read"}), 404, "")
		refused(t, "add by a member", post(h, bob, "/api/organizations/acme/members", dict{"username": "cid", "role": "read"}), 403, "")
		refused(t, "no role", put(h, ann, "/api/organizations/acme/members/bob/role", dict{}), 400, "")
		refused(t, "groups", put(h, ann, "/api/organizations/acme/members/bob/role", dict{"role": "read", "resourceGroups": []dict{{"id": "1", "role": "read"}}}), 501, "NotImplemented")
		refused(t, "last admin", put(h, ann, "/api/organizations/acme/members/ann/role", dict{"role": "write"}), 409, "")
		refused(t, "leave as last admin", post(h, ann, "/api/organizations/acme/leave", nil), 409, "")
		ok[dict](t, "role", put(h, ann, "/api/organizations/acme/members/bob/role", dict{"role": "no_access"}))
		if list := ok[[]dict](t, "members", get(h, bob, "/api/organizations/acme/members")); len(list) != 1 || list[0]["role"] != nil {
			t.Errorf("who has no access sees %v", list)
		}
		ok[dict](t, "leave without access", post(h, bob, "/api/organizations/acme/leave", nil))
		refused(t, "leave twice", post(h, bob, "/api/organizations/acme/leave", nil), 404, "")

		ok[dict](t, "settings", patch(h, ann, "/api/organizations/acme/settings", dict{"membersPublic": false, "createRole": "write", "defaultVisibility": "private"}))
		refused(t, "members are hidden", get(h, bob, "/api/organizations/acme/members"), 403, "")
		refused(t, "odd role", patch(h, ann, "/api/organizations/acme/settings", dict{"createRole": "read"}), 400, "")
		refused(t, "settings of others", get(h, bob, "/api/organizations/acme/settings"), 403, "")
		ok[dict](t, "add cid", post(h, ann, "/api/organizations/acme/members", dict{"username": "cid", "role": "contributor"}))
		refused(t, "create by a contributor", post(h, cid, "/api/repos/create", dict{"name": "m", "organization": "acme"}), 403, "", "write")
		ok[dict](t, "create", post(h, ann, "/api/repos/create", dict{"name": "m", "organization": "acme"}))
		if info := ok[dict](t, "info", get(h, ann, "/api/models/acme/m")); info["private"] != true {
			t.Errorf("not private by default: %v", info["private"])
		}

		ok[dict](t, "rename", post(h, ann, "/api/organizations/acme/rename", dict{"name": "apex"}))
		if info := ok[dict](t, "info", get(h, ann, "/api/models/apex/m")); info["id"] != "apex/m" {
			t.Errorf("renamed: %v", info["id"])
		}
		if a := get(h, ann, "/acme/m/resolve/main/.gitattributes"); a.Status != 307 || a.Header.Get("Location") != "/apex/m/resolve/main/.gitattributes" {
			t.Errorf("old name: %d %q", a.Status, a.Header.Get("Location"))
		}
		refused(t, "the old name is held", post(h, bob, "/api/organizations", dict{"name": "acme"}), 409, "")
		if a := get(h, ann, "/api/organizations/acme/members?limit=10"); a.Status != 307 || a.Header.Get("Location") != "/api/organizations/apex/members?limit=10" {
			t.Errorf("old name: %d %q", a.Status, a.Header.Get("Location"))
		}

		if a := get(h, ann, "/organizations/acme/members?search=x"); a.Status != 307 || a.Header.Get("Location") != "/organizations/apex/members?search=x" {
			t.Errorf("old name of a page: %d %q", a.Status, a.Header.Get("Location"))
		}

		refused(t, "delete without its name", del(h, ann, "/api/organizations/apex", dict{}), 400, "", "apex")
		refused(t, "delete with repositories", del(h, ann, "/api/organizations/apex", dict{"confirm": "apex"}), 409, "", "1 repositories")
		refused(t, "delete by others", del(h, cid, "/api/organizations/apex", dict{"confirm": "apex", "deleteRepositories": true}), 403, "")
		ok[dict](t, "delete", del(h, ann, "/api/organizations/apex", dict{"confirm": "apex", "deleteRepositories": true}))
		refused(t, "gone", get(h, ann, "/api/models/apex/m"), 404, "RepoNotFound")
		refused(t, "gone", get(h, ann, "/api/organizations/apex/settings"), 404, "")
		refused(t, "the name is held", post(h, bob, "/api/organizations", dict{"name": "apex"}), 409, "")
	})
}

func TestMembersOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		ann := h.User("ann")
		roles := map[string]hub.Role{}
		for i := range 25 {
			h.User(fmt.Sprint("user-", i))
			roles[fmt.Sprint("user-", i)] = hub.RoleRead
		}
		h.Org("acme", ann, roles)
		seen, path := map[string]bool{}, "/api/organizations/acme/members?limit=10"
		for pages := 0; path != ""; pages++ {
			a := get(h, nobody, path)
			for _, m := range ok[[]dict](t, "page", a) {
				if seen[m["user"].(string)] || m["role"] != nil || m["verifiedEmail"] != nil {
					t.Errorf("%v", m)
				}
				seen[m["user"].(string)] = true
			}
			link, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
			path = strings.TrimPrefix(link, h.URL)
			if pages > 3 {
				t.Fatal("no end of pages")
			}
		}
		if len(seen) != 26 {
			t.Errorf("%d members", len(seen))
		}
		if list := ok[[]dict](t, "search", get(h, ann, "/api/organizations/acme/members?search=ER-1")); len(list) != 11 {
			t.Errorf("%d found", len(list))
		}
		if list := ok[[]dict](t, "role", get(h, ann, "/api/organizations/acme/members?role=admin")); len(list) != 1 || list[0]["user"] != "ann" || list[0]["role"] != "admin" {
			t.Errorf("admins %v", list)
		}
		if list := ok[[]dict](t, "email", get(h, ann, "/api/organizations/acme/members?email=user-3@example.com")); len(list) != 1 || list[0]["user"] != "user-3" {
			t.Errorf("by e-mail %v", list)
		}
		refused(t, "e-mail of others", get(h, nobody, "/api/organizations/acme/members?email=user-3@example.com"), 401, "")
		refused(t, "cursor", get(h, ann, "/api/organizations/acme/members?cursor=x"), 400, "")
		refused(t, "limit", get(h, ann, "/api/organizations/acme/members?limit=0"), 400, "")
	})
}

func TestInvitationsOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		ann, bob, cid := h.User("ann"), h.User("bob"), h.User("cid")
		h.Org("acme", ann, nil)
		link := ok[dict](t, "invite", post(h, ann, "/api/organizations/acme/invitations", dict{"role": "write", "maxUses": 2, "expiresInHours": 1}))
		code := link["code"].(string)
		if link["link"] != h.URL+"/organizations/invitation?code="+code || link["createdBy"] != "ann" {
			t.Errorf("%v", link)
		}
		for what, body := range map[string]dict{"role": {"role": "no_access"}, "hours": {"role": "read", "expiresInHours": 1 << 40}, "uses": {"role": "read", "maxUses": 1 << 40}} {
			refused(t, what, post(h, ann, "/api/organizations/acme/invitations", body), 400, "")
		}
		if shown := ok[dict](t, "show", post(h, bob, "/api/user/invitations/show", dict{"code": code})); shown["organization"] != "acme" || shown["code"] != nil {
			t.Errorf("%v", shown)
		}
		refused(t, "wrong code", post(h, bob, "/api/user/invitations/accept", dict{"code": "x"}), 404, "")
		refused(t, "no code", post(h, bob, "/api/user/invitations/accept", dict{}), 400, "")
		ok[dict](t, "accept", post(h, bob, "/api/user/invitations/accept", dict{"code": code}))
		refused(t, "again", post(h, bob, "/api/user/invitations/accept", dict{"code": code}), 409, "")
		if list := ok[[]dict](t, "list", get(h, ann, "/api/organizations/acme/invitations")); len(list) != 1 || list[0]["uses"] != 1.0 || list[0]["code"] != nil {
			t.Errorf("%v", list)
		}
		ok[dict](t, "revoke", del(h, ann, "/api/organizations/acme/invitations/"+link["id"].(string), nil))
		refused(t, "revoked", post(h, cid, "/api/user/invitations/accept", dict{"code": code}), 409, "")
		refused(t, "show a revoked one", post(h, cid, "/api/user/invitations/show", dict{"code": code}), 409, "")

		named := ok[dict](t, "by name", post(h, ann, "/api/organizations/acme/invitations", dict{"role": "read", "user": "cid"}))
		if named["code"] != nil || named["link"] != nil {
			t.Errorf("the admin gets the code of somebody else's invitation: %v", named)
		}
		mine := ok[[]dict](t, "mine", get(h, cid, "/api/user/invitations"))
		if len(mine) != 1 || mine[0]["id"] != named["id"] {
			t.Errorf("%v", mine)
		}
		ok[dict](t, "decline", post(h, cid, "/api/user/invitations/decline", dict{"invitation": named["id"]}))
		refused(t, "declined", post(h, cid, "/api/user/invitations/accept", dict{"invitation": named["id"]}), 409, "")

		refused(t, "no requests", post(h, cid, "/api/organizations/acme/join-requests", dict{}), 403, "", "invitation")
		ok[dict](t, "switch", patch(h, ann, "/api/organizations/acme/settings", dict{"joinRequests": true}))
		ok[dict](t, "request", post(h, cid, "/api/organizations/acme/join-requests", dict{"message": "please"}))
		if list := ok[[]dict](t, "requests", get(h, ann, "/api/organizations/acme/join-requests")); len(list) != 1 || list[0]["message"] != "please" {
			t.Errorf("%v", list)
		}
		ok[dict](t, "withdraw", del(h, cid, "/api/organizations/acme/join-requests", nil))
		ok[dict](t, "request", post(h, cid, "/api/organizations/acme/join-requests", nil))
		ok[dict](t, "deny", post(h, ann, "/api/organizations/acme/join-requests/cid/deny", nil))
		refused(t, "too soon", post(h, cid, "/api/organizations/acme/join-requests", nil), 409, "")
		dee := h.User("dee")
		ok[dict](t, "request", post(h, dee, "/api/organizations/acme/join-requests", nil))
		ok[dict](t, "approve", post(h, ann, "/api/organizations/acme/join-requests/dee/approve", dict{"role": "admin"}))
		if list := ok[[]dict](t, "members", get(h, dee, "/api/organizations/acme/members?role=admin")); len(list) != 2 {
			t.Errorf("%v", list)
		}
	})
}

// What an organisation's admins change holds on every node within a second: who was removed, whose role was lowered, and
// what an organisation that is gone had.
func TestS25OrganizationChangesHoldEverywhere(t *testing.T) {
	t.Parallel()
	h := testhub.NewScaled(t)
	other := h.Node()
	ann, bob, cid := h.User("ann"), h.User("bob"), h.User("cid")
	h.Org("acme", ann, map[string]hub.Role{"bob": hub.RoleWrite, "cid": hub.RoleAdmin})
	h.CreateRepo(ann, hub.Model, "acme/m", true)
	const settings, model = "/api/organizations/acme/settings", "/api/models/acme/m"
	for _, node := range []*testhub.Hub{h, other} {
		ok[dict](t, "read", get(node, bob, model))
		ok[dict](t, "settings", get(node, cid, settings))
	}
	within := func(what string, node *testhub.Hub, c testhub.Caller, path string, status int) {
		t.Helper()
		for end := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
			a := get(node, c, path)
			if a.Status == status {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: still %d after a second", what, a.Status)
			}
		}
	}
	ok[dict](t, "lower", put(h, ann, "/api/organizations/acme/members/cid/role", dict{"role": "read"}))
	within("lowered role", other, cid, settings, 403)
	ok[dict](t, "remove", del(h, ann, "/api/organizations/acme/members/bob", nil))
	within("removed member", other, bob, model, 404)
	ok[dict](t, "no access", put(h, ann, "/api/organizations/acme/members/cid/role", dict{"role": "no_access"}))
	within("role without access", other, cid, model, 404)
	ok[dict](t, "delete", del(h, ann, "/api/organizations/acme", dict{"confirm": "acme", "deleteRepositories": true}))
	within("deleted organisation", other, ann, settings, 404)
	within("its repository", other, ann, model, 404)
}

// Whoever may delete an organisation, but by this proof not its repositories, is told so instead of kept waiting.
func TestDeletingAnOrganizationWithoutItsRepositories(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	ann, bob := h.User("ann"), h.User("bob")
	h.Org("acme", ann, nil)
	h.CreateRepo(ann, hub.Model, "acme/m", true)
	o, err := h.App.Orgs().Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	u, err := h.App.Accounts().Get(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	err = h.App.Orgs().Delete(t.Context(), hub.Actor{UserID: u.ID, Name: bob.Name}, o.ID, org.Removal{Confirm: "acme", WithRepos: true})
	if !errs.Is(err, errs.Forbidden) {
		t.Errorf("%v", err)
	}
	ok[dict](t, "it is there", get(h, ann, "/api/models/acme/m"))
}
