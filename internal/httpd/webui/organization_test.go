package webui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

// orgOf makes an organisation with alice as its admin.
func (w *world) orgOf(name string) *org.Org {
	w.Helper()
	o, err := w.orgs.Create(w.Context(), org.NewOrg{Name: name, AdminID: w.actor["alice"].UserID})
	w.must(err)
	return o
}

// refuses checks that a form stands there again with a reason.
func (w *world) refuses(t *testing.T, a answer, words string) {
	t.Helper()
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(html.UnescapeString(a.body), words) {
		t.Errorf("%d without %q: %s", a.status, words, a.header.Get("X-Error-Message"))
	}
	checkPage(t, a)
}

func TestNewOrganizationPage(t *testing.T) {
	w := newWorld(t, "")
	const path = "/organizations/new"
	if a := w.get(path); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login?next="+url.QueryEscape(path) {
		t.Errorf("for nobody: %d %v", a.status, a.header)
	}
	alice := w.signIn("alice")
	checkPage(t, w.get(path, "Cookie", alice))
	w.leadsTo(w.formIn(alice, path, "name", "acme", "fullname", hostile), "/organizations/acme/settings?done=org")
	w.refuses(t, w.formIn(alice, path, "name", "bob"), "already taken")
	w.refuses(t, w.formIn(alice, path, "name", hostile, "fullname", hostile), "Invalid name")
	list := w.get("/settings/organizations", "Cookie", alice)
	checkPage(t, list)
	if !strings.Contains(list.body, `href="/organizations/acme/settings"`) {
		t.Error("the new organisation is not in the list")
	}
}

func TestOrganizationSettingsPages(t *testing.T) {
	w := newWorld(t, "")
	w.orgOf("acme")
	alice, bob := w.signIn("alice"), w.signIn("bob")
	pages := []string{"/organizations/acme/settings", "/organizations/acme/members", "/organizations/acme/invitations"}
	for _, path := range pages {
		if a := w.get(path, "Cookie", bob); a.status != http.StatusForbidden {
			t.Errorf("%s for a stranger: %d", path, a.status)
		}
		if a := w.get(strings.Replace(path, "acme", "nobody", 1), "Cookie", alice); a.status != http.StatusNotFound {
			t.Errorf("%s of nobody: %d", path, a.status)
		}
		a := w.get(path, "Cookie", alice)
		checkPage(t, a)
		here := 0
		for _, link := range all(a.tree(t), "a") {
			if attr(link, "aria-current") == "page" && attr(link, "href") == path {
				here++
			}
		}
		if a.status != http.StatusOK || here != 1 {
			t.Errorf("%s: %d, %d times in its menu", path, a.status, here)
		}
	}
	for _, path := range []string{"settings", "rename", "delete", "members", "members/bob/role", "members/bob/remove", "invitations", "join-requests/bob"} {
		if a := w.formIn(bob, "/organizations/acme/"+path, "name", "x", "confirm", "acme"); a.status != http.StatusForbidden {
			t.Errorf("%s by a stranger: %d", path, a.status)
		}
	}
	w.leadsTo(w.formIn(alice, "/organizations/acme/settings", "fullname", "Acme", "default", "private", "create", "write", "private", "yes"), "/organizations/acme/settings?done=saved")
	o, err := w.orgs.Get(t.Context(), "acme")
	w.must(err)
	if o.Settings != (org.Settings{Fullname: "Acme", DefaultVisibility: hub.Private, ForcePrivate: true, CreateRole: hub.RoleWrite}) {
		t.Errorf("%+v", o.Settings)
	}
	w.refuses(t, w.formIn(alice, "/organizations/acme/settings", "fullname", strings.Repeat("x", 200), "default", "private", "create", "write"), "128 characters")
	w.refuses(t, w.formIn(alice, "/organizations/acme/rename", "name", "bob"), "already taken")
	w.leadsTo(w.formIn(alice, "/organizations/acme/rename", "name", "apex"), "/organizations/apex/settings?done=renamed")
	if a := w.get("/organizations/acme/members?search=x", "Cookie", alice); a.status != http.StatusTemporaryRedirect || a.header.Get("Location") != "/organizations/apex/members?search=x" {
		t.Errorf("the old name: %d %q", a.status, a.header.Get("Location"))
	}
	w.refuses(t, w.formIn(alice, "/organizations/apex/delete", "confirm", hostile), "confirm with its name")
	w.leadsTo(w.formIn(alice, "/organizations/apex/delete", "confirm", "apex"), "/settings/organizations?done=org-deleted")
}

func TestMembersPage(t *testing.T) {
	w := newWorld(t, "")
	o := w.orgOf("acme")
	alice, bob := w.signIn("alice"), w.signIn("bob")
	const path = "/organizations/acme/members"
	w.leadsTo(w.formIn(alice, path, "username", "bob", "role", "read"), path+"?done=member")
	w.refuses(t, w.formIn(alice, path, "username", "bob", "role", "read"), "member of the organization already")
	w.refuses(t, w.formIn(alice, path, "username", hostile, "role", hostile), "no user of this name")
	seen := w.get(path, "Cookie", bob)
	checkPage(t, seen)
	if strings.Contains(seen.body, "/remove") || strings.Contains(seen.body, "@secret.example") || !strings.Contains(seen.body, "alice") {
		t.Error("a member sees what is for admins")
	}
	if a := w.get(path+"?search=ALI", "Cookie", alice); strings.Contains(a.body, `href="/bob"`) || !strings.Contains(a.body, `href="/alice"`) {
		t.Error("the search finds something else")
	}
	checkPage(t, w.get(path+"?search="+url.QueryEscape(hostile), "Cookie", alice))
	w.leadsTo(w.formIn(alice, path+"/bob/role", "role", "admin"), path+"?done=role")
	w.leadsTo(w.formIn(bob, path+"/alice/remove"), path+"?done=removed")
	w.refuses(t, w.formIn(bob, path+"/bob/role", "role", "read"), "last admin")
	if a := w.formIn(bob, path+"/alice/role", "role", "read"); a.status != http.StatusNotFound {
		t.Errorf("who is no member: %d", a.status)
	}
	w.must(w.orgs.AddMember(t.Context(), o.ID, w.actor["alice"].UserID, hub.RoleNone))
	w.leadsTo(w.formIn(alice, "/organizations/acme/leave"), "/settings/organizations?done=left")
}

func TestInvitationPages(t *testing.T) {
	w := newWorld(t, "")
	o := w.orgOf("acme")
	w.user("carol")
	alice, bob, carol := w.signIn("alice"), w.signIn("bob"), w.signIn("carol")
	const path = "/organizations/acme/invitations"
	made := w.formIn(alice, path, "role", "write", "uses", "2", "life", "7")
	w.leadsTo(made, path+"?done=invited")
	var shown *http.Cookie
	for _, c := range (&http.Response{Header: made.header}).Cookies() {
		shown = c
	}
	if shown == nil || shown.Path != path || !shown.HttpOnly || shown.SameSite != http.SameSiteStrictMode || shown.MaxAge > 60 {
		t.Fatalf("%v", made.header)
	}
	first := w.get(path, "Cookie", alice+"; "+shown.Name+"="+shown.Value)
	if !strings.Contains(first.body, "/organizations/invitation?code="+shown.Value) || first.header.Get("Cache-Control") != "no-store" {
		t.Error("the link is not shown")
	}
	checkPage(t, first)
	if again := w.get(path, "Cookie", alice); strings.Contains(again.body, shown.Value) {
		t.Error("the link is shown twice")
	}
	w.refuses(t, w.formIn(alice, path, "role", "write", "uses", hostile, "life", "7"), "is a number")
	w.refuses(t, w.formIn(alice, path, "who", "nobody", "role", "write"), "no user of this name")

	link := "/organizations/invitation?code=" + shown.Value
	if a := w.get(link); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login?next="+url.QueryEscape(link) {
		t.Errorf("for nobody: %d %v", a.status, a.header)
	}
	page := w.get(link, "Cookie", bob)
	checkPage(t, page)
	if page.status != http.StatusOK || !strings.Contains(page.body, "Join acme?") {
		t.Errorf("%d %s", page.status, page.body)
	}
	w.leadsTo(w.formIn(bob, "/organizations/invitation", "code", shown.Value, "decision", "accept"), "/settings/organizations?done=joined")
	w.refuses(t, w.formIn(bob, "/organizations/invitation", "code", shown.Value, "decision", "accept"), "member of the organization already")
	list, err := w.orgs.Invitations(t.Context(), o.ID)
	w.must(err)
	w.leadsTo(w.formIn(alice, path+"/"+list[0].ID+"/revoke"), path+"?done=uninvited")
	w.refuses(t, w.get(link, "Cookie", carol), "withdrawn")
	if a := w.get("/organizations/invitation?code="+url.QueryEscape(hostile), "Cookie", carol); a.status != http.StatusNotFound {
		t.Errorf("a wrong code: %d", a.status)
	}

	w.leadsTo(w.formIn(alice, path, "who", "carol", "role", "read", "life", "1"), path+"?done=invited")
	mine, err := w.orgs.InvitationsFor(t.Context(), w.actor["carol"].UserID)
	w.must(err)
	if a := w.get("/settings/organizations", "Cookie", carol); len(mine) != 1 || !strings.Contains(a.body, mine[0].ID) {
		t.Fatal("carol does not see the invitation")
	}
	w.leadsTo(w.formIn(carol, "/organizations/invitation", "invitation", mine[0].ID, "decision", "decline"), "/settings/organizations?done=declined")

	yes := true
	closed := w.get("/organizations/acme/join", "Cookie", carol)
	checkPage(t, closed)
	if a := w.formIn(carol, "/organizations/acme/join", "decision", "withdraw"); a.status != http.StatusNotFound {
		t.Errorf("a request that is not there: %d", a.status)
	}
	_, err = w.orgs.Change(t.Context(), o.ID, org.Change{JoinRequests: &yes})
	w.must(err)
	checkPage(t, w.get("/organizations/acme/join"))
	for who, want := range map[string]string{"": "join", carol: "join", bob: "members", alice: "settings"} {
		a := w.get("/acme", "Cookie", who)
		checkPage(t, a)
		if !strings.Contains(a.body, `href="/organizations/acme/`+want+`"`) || strings.Contains(a.body, "/acme/settings") != (want == "settings") {
			t.Errorf("the organisation's page does not lead to %s", want)
		}
	}
	w.leadsTo(w.formIn(carol, "/organizations/acme/join", "decision", "request", "message", hostile), "/organizations/acme/join")
	if a := w.get("/organizations/acme/join", "Cookie", carol); !strings.Contains(a.body, "You have asked to join") {
		t.Error("nothing says that the request waits")
	}
	waiting := w.get(path, "Cookie", alice)
	checkPage(t, waiting)
	if !strings.Contains(waiting.body, "/join-requests/carol") {
		t.Error("the request is not shown")
	}
	w.leadsTo(w.formIn(alice, "/organizations/acme/join-requests/carol", "decision", "approve", "role", "read"), path+"?done=approved")
	if a := w.get("/organizations/acme/join", "Cookie", carol); !strings.Contains(a.body, "You are a member") {
		t.Error("nothing says that she is a member")
	}
}
