package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

const hfClient = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"

// browser is somebody's session, and how pages are asked for.
type browser struct {
	t      *testing.T
	h      *testhub.Hub
	cookie string
}

func signIn(t *testing.T, h *testhub.Hub, name string) *browser {
	t.Helper()
	b := &browser{t: t, h: h}
	a := b.post("/login", url.Values{"username": {name}, "password": {"correct horse battery staple"}})
	if a.Status != http.StatusSeeOther {
		t.Fatalf("sign in: %d %s", a.Status, a.Body)
	}
	b.cookie, _, _ = strings.Cut(a.Header.Get("Set-Cookie"), ";")
	return b
}

func (b *browser) get(path string, headers ...string) testhub.Answer {
	b.t.Helper()
	return b.h.Do(nobody, http.MethodGet, path, nil, append([]string{"Accept", "text/html", "Cookie", b.cookie}, headers...)...)
}

func (b *browser) post(path string, form url.Values, headers ...string) testhub.Answer {
	b.t.Helper()
	return b.h.Do(nobody, http.MethodPost, path, form.Encode(),
		append([]string{"Accept", "text/html", "Cookie", b.cookie, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// oauth sends a form as programs do.
func oauth(h *testhub.Hub, path string, form url.Values, out any) (testhub.Answer, string) {
	h.T.Helper()
	a := h.Do(nobody, http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var no struct{ Error string }
	_ = json.Unmarshal(a.Body, &no)
	if a.Status == http.StatusOK {
		if err := json.Unmarshal(a.Body, out); err != nil {
			h.T.Fatal(err)
		}
	}
	return a, no.Error
}

type deviceCodes struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
}

type deviceTokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func startDevice(h *testhub.Hub) deviceCodes {
	h.T.Helper()
	var c deviceCodes
	if a, no := oauth(h, "/oauth/device", url.Values{"client_id": {hfClient}}, &c); a.Status != http.StatusOK {
		h.T.Fatalf("%d %s", a.Status, no)
	}
	return c
}

func poll(h *testhub.Hub, c deviceCodes) (deviceTokens, string) {
	h.T.Helper()
	var t deviceTokens
	_, no := oauth(h, "/oauth/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {hfClient}, "device_code": {c.DeviceCode}}, &t)
	return t, no
}

func TestDeviceLogin(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Model, "alice/hidden", true)
		c := startDevice(h)
		if c.VerificationURI != h.URL+"/device" {
			t.Error(c.VerificationURI)
		}
		if _, no := poll(h, c); no != "authorization_pending" {
			t.Error(no)
		}

		// Who is not signed in signs in and comes back.
		stranger := &browser{t: t, h: h}
		if a := stranger.get("/device"); a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/login?next=%2Fdevice" {
			t.Errorf("%d %v", a.Status, a.Header)
		}
		if a := stranger.post("/device", url.Values{"code": {c.UserCode}}); a.Status != http.StatusUnauthorized {
			t.Errorf("a code without an account: %d", a.Status)
		}
		b := signIn(t, h, "alice")
		if a := b.get("/device"); a.Status != http.StatusOK || !strings.Contains(string(a.Body), `name="code"`) {
			t.Errorf("%d", a.Status)
		}
		if a := b.post("/device", url.Values{"code": {"BBBB-BBBB"}}); a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), `aria-invalid="true"`) {
			t.Errorf("a wrong code: %d %s", a.Status, a.Body)
		}
		a := b.post("/device", url.Values{"code": {strings.ToLower(c.UserCode)}})
		consent := a.Header.Get("Location")
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(consent, "/device/") || strings.Contains(consent, c.UserCode) {
			t.Fatalf("%d %v", a.Status, a.Header)
		}
		page := string(b.get(consent).Body)
		for _, want := range []string{"Hugging Face command line (hf)", "127.0.0.1", "Go-http-client", "alice", `value="write" checked`} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q:\n%s", want, page)
			}
		}
		h.User("mallory")
		if a := signIn(t, h, "mallory").get(consent); a.Status != http.StatusNotFound {
			t.Errorf("somebody else's request: %d", a.Status)
		}
		if a := b.post(consent, url.Values{}); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("no decision: %d", a.Status)
		}
		if a := b.post(consent, url.Values{"decision": {"approve"}, "role": {"write"}}); a.Status != http.StatusSeeOther || a.Header.Get("Location") != consent {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		got, no := poll(h, c)
		if !strings.HasPrefix(got.AccessToken, "hf_") || got.RefreshToken == "" {
			t.Fatal(no)
		}
		if page := string(b.get(consent).Body); !strings.Contains(page, "Allowed") || strings.Contains(page, "<form class=\"box") {
			t.Error(page)
		}
		device := testhub.Caller{Name: "alice", Token: got.AccessToken}
		var who struct {
			Name string
			Auth struct {
				AccessToken struct{ DisplayName, Role string }
			}
		}
		h.JSON(device, http.MethodGet, "/api/whoami-v2", nil, &who)
		if who.Name != "alice" || who.Auth.AccessToken.Role != "write" || !strings.HasPrefix(who.Auth.AccessToken.DisplayName, "hf-cli-") {
			t.Errorf("%+v", who)
		}
		h.Commit(device, hub.Model, "alice/hidden", "main", map[string]string{"a": "a"})

		var info struct {
			Username string `json:"preferred_username"`
			Email    string
		}
		h.JSON(device, http.MethodGet, "/oauth/userinfo", nil, &info)
		if info.Username != "alice" || info.Email != "" {
			t.Errorf("an address that nobody has agreed to: %+v", info)
		}
		h.JSON(alice, http.MethodPost, "/oauth/userinfo", nil, &info)
		if info.Email != "alice@example.com" {
			t.Errorf("%+v", info)
		}

		var renewed deviceTokens
		if _, no := oauth(h, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {hfClient}, "refresh_token": {got.RefreshToken}}, &renewed); no != "" {
			t.Fatal(no)
		}
		if a := h.Do(device, http.MethodGet, "/api/whoami-v2", nil); a.Status != http.StatusUnauthorized {
			t.Errorf("the token before: %d", a.Status)
		}
		h.JSON(testhub.Caller{Token: renewed.AccessToken}, http.MethodGet, "/api/whoami-v2", nil, nil)
	})
}

// S12: a token that an application was given makes no other, and changes nothing about the account.
func TestS12DeviceTokenMintsNone(t *testing.T) {
	h := testhub.New(t)
	h.User("alice")
	b := signIn(t, h, "alice")
	c := startDevice(h)
	consent := b.post("/device", url.Values{"code": {c.UserCode}}).Header.Get("Location")
	b.post(consent, url.Values{"decision": {"approve"}, "role": {"write"}})
	got, _ := poll(h, c)
	device := testhub.Caller{Name: "alice", Token: got.AccessToken}
	second := startDevice(h)
	for path, form := range map[string]url.Values{"/device": {"code": {second.UserCode}}, consent: {"decision": {"approve"}, "role": {"write"}}} {
		a := h.Do(device, http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
		if a.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

// S13: no other site types a code or allows a device in its visitor's name.
func TestS13DeviceFormsFromOtherSites(t *testing.T) {
	h := testhub.New(t)
	h.User("alice")
	b := signIn(t, h, "alice")
	c := startDevice(h)
	consent := b.post("/device", url.Values{"code": {c.UserCode}}).Header.Get("Location")
	for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", ""}} {
		for path, form := range map[string]url.Values{"/device": {"code": {c.UserCode}}, consent: {"decision": {"approve"}, "role": {"write"}}} {
			if a := b.post(path, form, from...); a.Status != http.StatusForbidden && a.Status != http.StatusUnauthorized {
				t.Errorf("%s from %v: %d", path, from, a.Status)
			}
		}
	}
	if _, no := poll(h, c); no != "authorization_pending" {
		t.Errorf("allowed from another site: %q", no)
	}
}

func TestOAuthErrors(t *testing.T) {
	h := testhub.New(t)
	device := "urn:ietf:params:oauth:grant-type:device_code"
	for _, c := range []struct {
		path, body, kind string
		code             string
	}{
		{"/oauth/device", "client_id=unknown", "", "invalid_client"},
		{"/oauth/device", "", "", "invalid_client"},
		{"/oauth/device", "client_id=" + hfClient + "&scope=jobs", "", "invalid_scope"},
		{"/oauth/device", "client_id=a&client_id=b", "", "invalid_request"},
		{"/oauth/device", "%zz", "", "invalid_request"},
		{"/oauth/device", `{"client_id":"unknown"}`, "application/json", "invalid_client"},
		{"/oauth/device", `{`, "application/json", "invalid_request"},
		{"/oauth/token", "", "", "invalid_request"},
		{"/oauth/token", "grant_type=password", "", "unsupported_grant_type"},
		{"/oauth/token", `{"grant_type":"urn:ietf:params:oauth:grant-type:token-exchange"}`, "application/json", "unsupported_grant_type"},
		{"/oauth/token", "grant_type=" + url.QueryEscape(device) + "&client_id=" + hfClient + "&device_code=none", "", "invalid_grant"},
		{"/oauth/token", "grant_type=refresh_token&client_id=" + hfClient, "", "invalid_grant"},
	} {
		kind := c.kind
		if kind == "" {
			kind = "application/x-www-form-urlencoded"
		}
		a := h.Do(nobody, http.MethodPost, c.path, c.body, "Content-Type", kind)
		var no struct {
			Error string
			Text  string `json:"error_description"`
		}
		if err := json.Unmarshal(a.Body, &no); err != nil || a.Status != http.StatusBadRequest || no.Error != c.code || no.Text == "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %q: %d %s", c.path, c.body, a.Status, a.Body)
		}
	}
	if a := h.Do(nobody, http.MethodPost, "/oauth/device", map[string]any{"client_id": hfClient}); a.Status != http.StatusOK {
		t.Errorf("JSON: %d %s", a.Status, a.Body)
	}
}
