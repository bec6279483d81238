package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// deviceToken is a token with the role write that the user lets the Hub's command line have.
func deviceToken(t *testing.T, h *testhub.Hub, name string) testhub.Caller {
	t.Helper()
	c, b := startDevice(h), signIn(t, h, name)
	consent := b.post("/device", url.Values{"code": {c.UserCode}}).Header.Get("Location")
	b.post(consent, url.Values{"decision": {"approve"}, "role": {"write"}})
	got, no := poll(h, c)
	if got.AccessToken == "" {
		t.Fatal(no)
	}
	return testhub.Caller{Name: name, Token: got.AccessToken}
}

// What an application was not given by one door it does not get by another.
func TestWhoamiWithholdsTheAddressFromApplications(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	email := func(c testhub.Caller) string {
		who := ok[struct {
			Email         *string
			EmailVerified bool
		}](t, "whoami", get(h, c, "/api/whoami-v2"))
		if who.Email == nil {
			return fmt.Sprint("none ", who.EmailVerified)
		}
		return *who.Email
	}
	if got := email(deviceToken(t, h, "alice")); got != "none false" {
		t.Errorf("an application reads %q", got)
	}
	for name, c := range map[string]testhub.Caller{"a token": alice, "a session": h.Session("alice")} {
		if got := email(c); got != "alice@example.com" {
			t.Errorf("%s reads %q", name, got)
		}
	}
}

// Behind a proxy that writes another host, without TLS, browsers say where their page is from by Origin alone.
func TestFormsBehindAProxyThatRewritesHost(t *testing.T) {
	h := testhub.New(t, func(c *config.Config) { c.URL = "http://hub.example" })
	h.User("alice")
	cookie := httpd.SessionCookie + "=" + h.Session("alice").Session
	send := func(headers ...string) int {
		return h.Do(nobody, http.MethodPost, "/settings/tokens", url.Values{"name": {hub.NewID()}, "role": {"read"}, "life": {"7"}}.Encode(),
			append([]string{"Cookie", cookie, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded"}, headers...)...).Status
	}
	for origin, want := range map[string]bool{"http://hub.example": true, "http://evil.example": false, "null": false, "https://hub.example": false} {
		if got := send("Origin", origin); (got == http.StatusSeeOther) != want || got >= http.StatusInternalServerError {
			t.Errorf("a form from %s: %d", origin, got)
		}
	}
	if got := send("Origin", "http://hub.example", "Sec-Fetch-Site", "cross-site"); got == http.StatusSeeOther {
		t.Errorf("Sec-Fetch-Site is not listened to: %d", got)
	}
}

// A proof that ends, or that opens less than all, must not make one that stays: who gets hold of it for an hour would
// write to the repository for ever.
func TestAddDeployKeyTakesAProofOfTheAccount(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f.txt": "hi"})
		token := func(body dict) testhub.Caller {
			body["name"] = hub.NewID()
			return testhub.Caller{Name: "alice", Token: ok[tokenJSON](t, "token", post(h, alice, "/api/user/tokens", body)).Token}
		}
		hour := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		narrow := token(dict{"role": "fineGrained", "fineGrained": dict{"scoped": []dict{scoped("model", "alice/m", "repo.write")}}})
		add := func(c testhub.Caller) int {
			return post(h, c, "/api/models/alice/m/keys", dict{"title": "t", "key": h.NewKey().Public, "write": true}).Status
		}
		for name, c := range map[string]testhub.Caller{"fine-grained": narrow, "of an application": deviceToken(t, h, "alice"), "of an hour": token(dict{"role": "write", "expiresAt": hour})} {
			if a := get(h, c, "/api/models/alice/m/keys"); a.Status != http.StatusOK {
				t.Errorf("a token %s sees no keys: %d", name, a.Status)
			}
			if got := add(c); got != http.StatusForbidden {
				t.Errorf("a token %s adds a deploy key: %d", name, got)
			}
		}
		for name, c := range map[string]testhub.Caller{"a token": alice, "a session": h.Session("alice")} {
			if got := add(c); got != http.StatusOK {
				t.Errorf("%s adds no deploy key: %d", name, got)
			}
		}
	})
}

// What a token that expires makes ends with it, at the latest, through every door.
func TestExpiringTokenMakesNothingThatOutlivesIt(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		create := func(c testhub.Caller, body dict) testhub.Answer {
			body["name"], body["role"] = hub.NewID(), "write"
			return post(h, c, "/api/user/tokens", body)
		}
		made := ok[tokenJSON](t, "token", create(alice, dict{"expiresAt": at(time.Hour)}))
		brief := testhub.Caller{Name: "alice", Token: made.Token}
		lasting := ok[tokenJSON](t, "token", create(alice, dict{}))
		form := func(path string, v url.Values) testhub.Answer {
			return h.Do(brief, http.MethodPost, path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
		}
		for name, a := range map[string]testhub.Answer{
			"a token without end":                 create(brief, dict{}),
			"a token of two hours":                create(brief, dict{"expiresAt": at(2 * time.Hour)}),
			"the new value of one without end":    post(h, brief, "/api/user/tokens/"+lasting.ID+"/rotate", nil),
			"an SSH key":                          post(h, brief, "/api/user/keys", dict{"title": "t", "key": h.NewKey().Public}),
			"a token by the page":                 form("/settings/tokens", url.Values{"name": {"p"}, "role": {"write"}, "life": {"7"}}),
			"the new value of another, by a page": form("/settings/tokens/"+lasting.ID+"/rotate", url.Values{}),
			"an SSH key by the page":              form("/settings/keys", url.Values{"title": {"p"}, "key": {h.NewKey().Public}}),
		} {
			if why := a.Header.Get("X-Error-Message"); a.Status != http.StatusForbidden && a.Status != http.StatusUnprocessableEntity || !strings.Contains(why, "expires on") {
				t.Errorf("%s: %d %q", name, a.Status, why)
			}
		}
		if a := get(h, testhub.Caller{Name: "alice", Token: lasting.Token}, "/api/whoami-v2"); a.Status != http.StatusOK {
			t.Errorf("the value that was not changed: %d", a.Status)
		}
		if a := create(brief, dict{"expiresAt": at(30 * time.Minute)}); a.Status != http.StatusOK {
			t.Errorf("a token of half an hour: %d %s", a.Status, a.Body)
		}
		if a := post(h, brief, "/api/user/tokens/"+made.ID+"/rotate", nil); a.Status != http.StatusOK {
			t.Errorf("its own new value: %d %s", a.Status, a.Body)
		}
	})
}
