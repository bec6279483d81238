package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// What is no text (NUL, invalid UTF-8) is refused or not found on both databases; PostgreSQL would fail on it.
func TestWhatIsNoTextIsNeverAnErrorOfTheHub(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		h.User("alice")
		root := h.Member("warden", true)
		alice := h.Session("alice")
		h.Org("acme", alice, nil)
		org := "/api/organizations/acme"
		for _, bad := range []string{"%00", "%FF", "a%00b"} {
			for _, at := range []struct {
				c            testhub.Caller
				method, path string
				body         any
			}{
				{alice, http.MethodPost, org + "/join-requests/*/approve", dict{"role": "read"}},
				{alice, http.MethodPost, org + "/join-requests/*/deny", nil},
				{alice, http.MethodDelete, org + "/invitations/*", nil},
				{alice, http.MethodDelete, org + "/members/*", nil},
				{alice, http.MethodPut, org + "/members/*/role", dict{"role": "read"}},
				{alice, http.MethodPost, org + "/settings/tokens/*/revoke", nil},
				{alice, http.MethodDelete, "/api/user/sessions/*", nil},
				{alice, http.MethodPost, "/api/user/tokens/*/rotate", nil},
				{alice, http.MethodDelete, "/api/user/tokens/*", nil},
				{alice, http.MethodDelete, "/api/user/keys/*", nil},
				{alice, http.MethodDelete, "/api/user/gpg_keys/*", nil},
				{alice, http.MethodGet, "/api/users/*/overview", nil},
				{alice, http.MethodGet, "/api/organizations/*/overview", nil},
				{alice, http.MethodGet, "/api/avatars/*", nil},
				{alice, http.MethodGet, "/device/*", nil},
				{root, http.MethodGet, "/api/admin/users/*", nil},
				{root, http.MethodDelete, "/api/admin/users/*", nil},
				{root, http.MethodDelete, "/api/admin/invitations/*", nil},
			} {
				path := strings.Replace(at.path, "*", bad, 1)
				if a := h.Do(at.c, at.method, path, at.body); a.Status < 400 || a.Status >= 500 {
					t.Errorf("%s %s: %d %s", at.method, path, a.Status, a.Body)
				}
			}
			for path, form := range map[string]string{
				"/organizations/acme/members": "username=*&role=read", "/organizations/acme/invitations": "who=*&role=read&life=7",
				"/settings/tokens": "name=*&role=read&life=7", "/settings/keys": "key=*&title=*", "/organizations/new": "name=*&fullname=*",
				"/settings/sessions/" + bad + "/end": "", "/organizations/acme/invitations/" + bad + "/revoke": "",
				"/organizations/acme/join-requests/" + bad: "decision=approve&role=read", "/device": "code=*",
				"/organizations/acme/members/" + bad + "/role": "role=read", "/organizations/acme/members/" + bad + "/remove": "",
			} {
				a := h.Do(alice, http.MethodPost, path, strings.ReplaceAll(form, "*", bad), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
				if a.Status < 400 || a.Status >= 500 {
					t.Errorf("the form %s with %s: %d", path, bad, a.Status)
				}
			}
			text, err := url.PathUnescape(bad)
			if err != nil {
				t.Fatal(err)
			}
			entity := dict{"role": "fineGrained", "name": hub.NewID(), "fineGrained": dict{"scoped": []dict{{"entity": dict{"type": "model", "_id": text}, "permissions": []string{"repo.write"}}, scoped("user", text, "repo.write")}}}
			for path, body := range map[string]dict{
				"/api/user/tokens": entity, org + "/invitations": {"role": "read", "user": text}, org + "/members": {"user": text, "role": "read"},
				"/api/auth/register": {"username": text, "password": "a long enough phrase"},
			} {
				if a := post(h, alice, path, body); a.Status < 400 || a.Status >= 500 {
					t.Errorf("%s with %q: %d %s", path, text, a.Status, a.Body)
				}
			}
		}
	})
}
