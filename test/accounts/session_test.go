package accounts

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// No page of another site makes a signed-in visitor's browser change anything: every route that changes state refuses
// the cookie.
func TestS13CrossSiteRequestsAreRefusedOnEveryRoute(t *testing.T) {
	h := testhub.New(t)
	ann := h.User("ann")
	h.CreateRepo(ann, hub.Model, "ann/m", false)
	cookie := mustSignIn(t, h, "ann", rightPassword)
	fill := map[string]string{"repoType": "models", "namespace": "ann", "repo": "m", "username": "ann", "name": "ann", "rev": "main", "branch": "main"}
	before, seen := events(t, h), 0
	for _, rt := range h.Server.Routes() {
		if rt.Method == http.MethodGet || rt.Method == http.MethodHead || rt.Right == authz.Signed || rt.Right == authz.XetRead || rt.Right == authz.XetWrite {
			continue // reads, and what no cookie opens
		}
		path := pathParameter.ReplaceAllStringFunc(rt.Path, func(p string) string {
			if v := fill[strings.Trim(p, "{}")]; v != "" {
				return v
			}
			return "x"
		})
		for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}, {}} {
			seen++
			for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded"} {
				a := h.Do(nobody, rt.Method, path, "{}", append([]string{"Cookie", cookie, "Content-Type", contentType}, from...)...)
				if a.Status != http.StatusForbidden && a.Status != http.StatusUnauthorized {
					t.Errorf("%s %s (%s) from %v: %d", rt.Method, path, rt.ID, from, a.Status)
				}
			}
		}
	}
	if after := events(t, h); len(after) != len(before) || seen < 300 {
		t.Errorf("%d requests changed something: %d events before, %d after", seen, len(before), len(after))
	}
	wantStatus(t, "the session after all that", byCookie(h, cookie, http.MethodGet, "/api/user/sessions", nil), http.StatusOK)
}

func events(t *testing.T, h *testhub.Hub) []event.Event {
	t.Helper()
	all, err := event.After(t.Context(), h.App.DB(), 0, event.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A session's secret is new at each login, whatever the browser had before, and travels only as it should.
func TestS13SessionIsNewAtLoginAndItsCookieIsClosed(t *testing.T) {
	h := testhub.New(t, func(c *config.Config) { c.URL = publicURL })
	h.User("ann")
	planted := "cairn_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	seen := map[string]bool{}
	for range 3 {
		a := signIn(t, h, "ann", rightPassword, "Cookie", planted)
		wantStatus(t, "sign in", a, http.StatusSeeOther)
		set := (&http.Response{Header: a.Header}).Cookies()
		if len(set) != 2 {
			t.Fatalf("%v", a.Header)
		}
		for _, c := range set {
			if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s: %v", c.Name, c)
			}
		}
		if seen[set[0].Value] || len(set[0].Value) < 43 || "cairn_session="+set[0].Value == planted {
			t.Error("the secret is not new")
		}
		seen[set[0].Value] = true
	}
	wantStatus(t, "the planted secret", byCookie(h, planted, http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
	wantStatus(t, "a device's cookie alone", byCookie(h, strings.Split(mustSignIn(t, h, "ann", rightPassword), "; ")[1], http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
}

// What ends a session ends it on every node: at once where it was ended, and within a second elsewhere.
func TestS13EndedSessionsAreDeadOnEveryNode(t *testing.T) {
	here := testhub.NewScaled(t)
	there := here.Node()
	for what, end := range map[string]func(t *testing.T, cookie, userID string){
		"signing out": func(t *testing.T, cookie, _ string) {
			a := here.Do(nobody, http.MethodPost, "/logout", "", append([]string{"Cookie", cookie}, formType...)...)
			wantStatus(t, "sign out", a, http.StatusSeeOther)
		},
		"another password": func(t *testing.T, _, userID string) {
			if err := here.App.Accounts().SetPassword(t.Context(), userID, goodSecret); err != nil {
				t.Fatal(err)
			}
		},
		"suspension": func(t *testing.T, _, userID string) {
			if err := here.App.Accounts().Disable(t.Context(), userID); err != nil {
				t.Fatal(err)
			}
		},
		"the list of sessions": func(t *testing.T, cookie, _ string) {
			var list []struct{ ID string }
			a := byCookie(here, cookie, http.MethodGet, "/api/user/sessions", nil)
			if err := json.Unmarshal(a.Body, &list); err != nil || len(list) != 1 {
				t.Fatalf("%s", a.Body)
			}
			wantStatus(t, "end", byCookie(here, cookie, http.MethodDelete, "/api/user/sessions/"+list[0].ID, nil), http.StatusOK)
		},
		"deletion": func(t *testing.T, _, userID string) {
			if err := here.App.Accounts().Delete(t.Context(), userID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			name := "user-" + hub.NewID()[:8]
			here.User(name)
			u, err := here.App.Accounts().Get(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			cookie := mustSignIn(t, here, name, rightPassword)
			wantStatus(t, "elsewhere before", byCookie(there, cookie, http.MethodGet, "/api/user/sessions", nil), http.StatusOK)
			end(t, cookie, u.ID)
			ended := time.Now()
			wantStatus(t, "here", byCookie(here, cookie, http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
			for byCookie(there, cookie, http.MethodGet, "/api/user/sessions", nil).Status != http.StatusUnauthorized {
				if time.Since(ended) > 30*time.Second {
					t.Fatal("it lives on elsewhere")
				}
			}
			t.Logf("dead elsewhere after %s", time.Since(ended).Round(time.Millisecond))
		})
	}
}
