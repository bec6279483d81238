package accounts

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/mail/mailtest"
	"github.com/cairnhub/cairn/internal/site"
	"github.com/cairnhub/cairn/internal/testhub"
)

const (
	publicURL  = "https://hub.example.org"
	goodSecret = "pears on a plate"
)

var (
	nobody   = testhub.Caller{}
	formType = []string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Sec-Fetch-Site", "same-origin"}
)

// mailHub is a hub that sends e-mail through a real server with TLS and a login.
func mailHub(t *testing.T, how site.Registration) (*testhub.Hub, *mailtest.Server) {
	t.Helper()
	srv := mailtest.New(t, mailtest.Options{Login: true})
	h := testhub.New(t, func(c *config.Config) { c.SMTPURL, c.MailFrom, c.URL = srv.URL(), "Hub <hub@example.org>", publicURL })
	setRegistration(t, h, how)
	return h, srv
}

func setRegistration(t *testing.T, h *testhub.Hub, how site.Registration) {
	t.Helper()
	if _, err := h.App.Site().Update(t.Context(), func(s *site.Settings) error { s.Registration = how; return nil }); err != nil {
		t.Fatal(err)
	}
}

// codeIn is the code of the link in a mail, which must lead to a page of the configured address.
func codeIn(t *testing.T, m mailtest.Mail, path string) string {
	t.Helper()
	link := m.Link(publicURL + path + "?code=")
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("no link to %s in %q", path, m.Text)
	}
	return u.Query().Get("code")
}

// cookies are what an answer sets, for the next request's header.
func cookies(a testhub.Answer) string {
	var all []string
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

func signIn(t *testing.T, h *testhub.Hub, name, password string, headers ...string) testhub.Answer {
	t.Helper()
	form := url.Values{"username": {name}, "password": {password}}
	return h.Do(nobody, http.MethodPost, "/login", form.Encode(), append(headers, formType...)...)
}

func mustSignIn(t *testing.T, h *testhub.Hub, name, password string) string {
	t.Helper()
	a := signIn(t, h, name, password)
	if a.Status != http.StatusSeeOther {
		t.Fatalf("%s cannot sign in: %d %s", name, a.Status, a.Header.Get("X-Error-Message"))
	}
	return cookies(a)
}

func post(h *testhub.Hub, path string, body map[string]any) testhub.Answer {
	return h.Do(nobody, http.MethodPost, path, body)
}

// byCookie sends a request as a browser does that is signed in.
func byCookie(h *testhub.Hub, cookie, method, path string, body any) testhub.Answer {
	return h.Do(nobody, method, path, body, "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
}

func wantStatus(t *testing.T, what string, a testhub.Answer, status int) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("%s: %d %s %s, not %d", what, a.Status, a.Header.Get("X-Error-Message"), a.Header.Get("Location"), status)
	}
}

func TestRegistrationProvesTheAddressFirst(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	body := map[string]any{"username": "ann", "email": "ann@example.com", "password": goodSecret}
	a := post(h, "/api/auth/register", body)
	wantStatus(t, "register", a, http.StatusOK)
	var made struct{ Confirm bool }
	if err := json.Unmarshal(a.Body, &made); err != nil || !made.Confirm {
		t.Fatalf("%s", a.Body)
	}
	m := srv.Wait(1)[0]
	if m.To != "ann@example.com" || m.Subject != "Confirm your e-mail address" {
		t.Fatalf("%+v", m)
	}
	if a := signIn(t, h, "ann", goodSecret); a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), "Confirm your e-mail address first") {
		t.Fatalf("before the address has proven itself: %d", a.Status)
	}
	code := codeIn(t, srv.Wait(2)[1], "/login/verify") // signing in has had the link sent once more
	wantStatus(t, "a link that a newer one replaced", post(h, "/api/auth/verify-email", map[string]any{"code": codeIn(t, m, "/login/verify")}), http.StatusNotFound)
	if page := h.Do(nobody, http.MethodGet, "/login/verify?code="+code, nil, "Accept", "text/html"); page.Status != http.StatusOK || !strings.Contains(string(page.Body), "ann@example.com") {
		t.Fatalf("the page behind the link: %d", page.Status)
	}
	// Whoever opens a link before its reader does has confirmed nothing.
	if a := signIn(t, h, "ann", goodSecret); a.Status != http.StatusUnprocessableEntity {
		t.Fatalf("opening the page confirms the address: %d", a.Status)
	}
	code = codeIn(t, srv.Wait(3)[2], "/login/verify")
	wantStatus(t, "confirm", h.Do(nobody, http.MethodPost, "/login/verify", "code="+code, formType...), http.StatusSeeOther)
	wantStatus(t, "confirm again", post(h, "/api/auth/verify-email", map[string]any{"code": code}), http.StatusNotFound)
	mustSignIn(t, h, "ann@example.com", goodSecret)
	u, err := h.App.Accounts().Get(t.Context(), "ann")
	if err != nil || !u.EmailVerified || u.Email != "ann@example.com" {
		t.Fatalf("%+v %v", u, err)
	}
}

// Who registers with an address that has an account learns nothing from the hub: its owner is told by e-mail.
func TestS2RegisteringAKnownAddressAnswersAlike(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	h.User("olga") // olga@example.com
	unknown := post(h, "/api/auth/register", map[string]any{"username": "user-a", "email": "fresh@example.com", "password": goodSecret})
	known := post(h, "/api/auth/register", map[string]any{"username": "user-b", "email": "Olga@example.com", "password": goodSecret})
	if unknown.Status != http.StatusOK || !alike(unknown, known, "user-a", "user-b") {
		t.Fatalf("%d %s\n%d %s", unknown.Status, unknown.Body, known.Status, known.Body)
	}
	to := map[string]mailtest.Mail{}
	for _, m := range srv.Wait(2) {
		to[m.To] = m
	}
	if m := to["Olga@example.com"]; !strings.Contains(m.Text, "already belongs to your account olga") || strings.Contains(m.Text, "code=") {
		t.Errorf("%q", m.Text)
	}
	codeIn(t, to["fresh@example.com"], "/login/verify")
	if a := signIn(t, h, "user-b", goodSecret); a.Status == http.StatusSeeOther {
		t.Error("an account whose address is another's can be used")
	}
}

func TestRegistrationByInvitation(t *testing.T) {
	h, srv := mailHub(t, site.Invite)
	body := func(name, email, code string) map[string]any {
		return map[string]any{"username": name, "email": email, "password": goodSecret, "invitation": code}
	}
	wantStatus(t, "without an invitation", post(h, "/api/auth/register", body("ann", "ann@example.com", "")), http.StatusUnauthorized)
	h.Org("acme", h.Admin, nil)
	acme, err := h.App.Orgs().Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	inv, _, err := h.App.Accounts().CreateInvite(t.Context(), account.NewInvite{Email: "ann@example.com", OrgID: acme.ID, Role: "write"})
	if err != nil {
		t.Fatal(err)
	}
	code := codeIn(t, srv.Wait(1)[0], "/join")
	wantStatus(t, "another address", post(h, "/api/auth/register", body("ann", "eve@example.com", code)), http.StatusBadRequest)
	wantStatus(t, "invited", post(h, "/api/auth/register", body("ann", "ann@example.com", code)), http.StatusOK)
	mustSignIn(t, h, "ann", goodSecret) // the link has proven the address
	u, _ := h.App.Accounts().Get(t.Context(), "ann")
	role, err := h.App.Orgs().RoleOf(t.Context(), acme.ID, u.ID)
	if err != nil || role != "write" || !u.EmailVerified {
		t.Errorf("role %q, %+v, %v", role, u, err)
	}
	wantStatus(t, "used up", post(h, "/api/auth/register", body("bob", "ann@example.com", code)), http.StatusNotFound)
	_, link, err := h.App.Accounts().CreateInvite(t.Context(), account.NewInvite{MaxUses: 2})
	if err != nil || !strings.HasPrefix(link, publicURL+"/join?code=") {
		t.Fatalf("%q %v", link, err)
	}
	if page := h.Do(nobody, http.MethodGet, strings.TrimPrefix(link, publicURL), nil, "Accept", "text/html"); page.Status != http.StatusOK || !strings.Contains(string(page.Body), "Create the account") {
		t.Errorf("the page of an invitation: %d", page.Status)
	}
	if err := h.App.Accounts().RevokeInvite(t.Context(), inv.ID); err != nil {
		t.Error(err)
	}
	setRegistration(t, h, site.Closed)
	code = strings.TrimPrefix(link, publicURL+"/join?code=")
	wantStatus(t, "closed", post(h, "/api/auth/register", body("bob", "bob@example.com", code)), http.StatusUnauthorized)
}

func TestRegistrationPage(t *testing.T) {
	h := testhub.New(t) // without e-mail
	setRegistration(t, h, site.Open)
	form := func(name, password string) testhub.Answer {
		return h.Do(nobody, http.MethodPost, "/join", url.Values{"username": {name}, "password": {password}, "email": {"x@example.com"}}.Encode(), formType...)
	}
	bad := form("a", goodSecret)
	wantStatus(t, "a bad name", bad, http.StatusUnprocessableEntity)
	for _, want := range []string{`id="username-problem"`, `aria-invalid="true"`, `aria-describedby="username-problem username-hint"`, `value="x@example.com"`} {
		if !strings.Contains(string(bad.Body), want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for _, password := range []string{"short", "password123", "Password2024!", "1234567890", "aaaaaaaaaaaa", "qwertyuiop", "annabelle99"} {
		if a := form("annabelle", password); a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), `id="password-problem"`) || strings.Contains(string(a.Body), password) {
			t.Errorf("%q: %d", password, a.Status)
		}
	}
	a := form("annabelle", goodSecret)
	wantStatus(t, "register", a, http.StatusSeeOther)
	if a.Header.Get("Location") != "/annabelle" || !strings.Contains(cookies(a), "cairn_session=") {
		t.Errorf("%v", a.Header)
	}
	wantStatus(t, "a name that is taken", form("Annabelle", goodSecret), http.StatusUnprocessableEntity)
	cross := h.Do(nobody, http.MethodPost, "/join", "username=eve&password=pears+on+a+plate", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	wantStatus(t, "from another site", cross, http.StatusUnauthorized)
}

func TestLostPassword(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	h.User("ann")
	old := mustSignIn(t, h, "ann", "correct horse battery staple")
	known := post(h, "/api/auth/forgot-password", map[string]any{"email": "ann@example.com"})
	m := srv.Wait(1)[0]
	unknown := post(h, "/api/auth/forgot-password", map[string]any{"email": "nobody@example.com"})
	if known.Status != http.StatusOK || !alike(known, unknown, "ann@", "nobody@") {
		t.Errorf("%s\n%s", known.Body, unknown.Body)
	}
	code := codeIn(t, m, "/login/reset")
	if page := h.Do(nobody, http.MethodGet, "/login/reset?code="+code, nil, "Accept", "text/html"); page.Status != http.StatusOK || !strings.Contains(string(page.Body), "<strong>ann</strong>") {
		t.Errorf("the page behind the link: %d", page.Status)
	}
	wantStatus(t, "a weak password", post(h, "/api/auth/reset-password", map[string]any{"code": code, "password": "password123"}), http.StatusBadRequest)
	wantStatus(t, "another code", post(h, "/api/auth/reset-password", map[string]any{"code": code + "x", "password": goodSecret}), http.StatusNotFound)
	wantStatus(t, "reset", post(h, "/api/auth/reset-password", map[string]any{"code": code, "password": goodSecret}), http.StatusOK)
	wantStatus(t, "the same link again", post(h, "/api/auth/reset-password", map[string]any{"code": code, "password": goodSecret + "!"}), http.StatusNotFound)
	wantStatus(t, "a session from before", byCookie(h, old, http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
	if a := signIn(t, h, "ann", "correct horse battery staple"); a.Status == http.StatusSeeOther {
		t.Error("the old password still signs in")
	}
	mustSignIn(t, h, "ann", goodSecret)
	for _, m := range srv.Wait(2) {
		if m.To != "ann@example.com" || m.Subject != "Choose a new password" && m.Subject != "Your password has changed" {
			t.Errorf("%+v", m)
		}
	}
}

func TestChangeOfAddress(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	h.User("ann")
	h.User("bob")
	cookie := mustSignIn(t, h, "ann", "correct horse battery staple")
	change := func(email, password string) testhub.Answer {
		return byCookie(h, cookie, http.MethodPut, "/api/user/email", map[string]any{"email": email, "password": password})
	}
	wantStatus(t, "a wrong password", change("new@example.com", "wrong"), http.StatusBadRequest)
	wantStatus(t, "change", change("new@example.com", "correct horse battery staple"), http.StatusOK)
	to := map[string]mailtest.Mail{}
	for _, m := range srv.Wait(2) {
		to[m.To] = m
	}
	if !strings.Contains(to["ann@example.com"].Text, "new@example.com") || strings.Contains(to["ann@example.com"].Text, "code=") {
		t.Errorf("the old address: %q", to["ann@example.com"].Text)
	}
	if u, _ := h.App.Accounts().Get(t.Context(), "ann"); u.Email != "ann@example.com" {
		t.Errorf("the address counts before it has proven itself: %+v", u)
	}
	code := map[string]any{"code": codeIn(t, to["new@example.com"], "/login/verify")}
	wantStatus(t, "confirm", byCookie(h, cookie, http.MethodPost, "/api/auth/verify-email", code), http.StatusOK)
	if u, _ := h.App.Accounts().Get(t.Context(), "ann"); u.Email != "new@example.com" || !u.EmailVerified {
		t.Errorf("%+v", u)
	}
	wantStatus(t, "an address of somebody else", change("bob@example.com", "correct horse battery staple"), http.StatusOK)
	for _, m := range srv.Wait(5) {
		if m.To == "bob@example.com" && strings.Contains(m.Text, "code=") {
			t.Errorf("a link to take bob's address: %q", m.Text)
		}
	}
}

func TestOwnAccount(t *testing.T) {
	h := testhub.New(t)
	h.User("ann")
	first, second := mustSignIn(t, h, "ann", "correct horse battery staple"), mustSignIn(t, h, "ann", "correct horse battery staple")
	var list []struct {
		ID      string
		Current bool
		Address string
	}
	a := byCookie(h, second, http.MethodGet, "/api/user/sessions", nil)
	if err := json.Unmarshal(a.Body, &list); err != nil || len(list) != 2 || list[0].Address != "127.0.0.1" || list[0].Current == list[1].Current {
		t.Fatalf("%s", a.Body)
	}
	for _, s := range list {
		if !s.Current {
			wantStatus(t, "end a session", byCookie(h, second, http.MethodDelete, "/api/user/sessions/"+s.ID, nil), http.StatusOK)
		}
	}
	wantStatus(t, "the session that was ended", byCookie(h, first, http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
	third := mustSignIn(t, h, "ann", "correct horse battery staple")
	wantStatus(t, "change the password", byCookie(h, second, http.MethodPut, "/api/user/password", map[string]any{"currentPassword": "correct horse battery staple", "newPassword": goodSecret}), http.StatusOK)
	wantStatus(t, "another session", byCookie(h, third, http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
	wantStatus(t, "the session that changed it", byCookie(h, second, http.MethodGet, "/api/user/sessions", nil), http.StatusOK)
	wantStatus(t, "delete with a wrong name", byCookie(h, second, http.MethodDelete, "/api/user", map[string]any{"name": "bob", "password": goodSecret}), http.StatusBadRequest)
	wantStatus(t, "delete", byCookie(h, second, http.MethodDelete, "/api/user", map[string]any{"name": "ann", "password": goodSecret}), http.StatusOK)
	wantStatus(t, "after that", byCookie(h, second, http.MethodGet, "/api/user/sessions", nil), http.StatusUnauthorized)
	if _, err := h.App.Accounts().Create(t.Context(), account.NewUser{Name: "ann"}); err == nil {
		t.Error("somebody else has the name at once")
	}
}

// Who has an account already uses an invitation to an organisation from its page.
func TestInvitationOfWhoHasAnAccount(t *testing.T) {
	h := testhub.New(t)
	h.User("ann")
	h.Org("acme", h.Admin, nil)
	acme, err := h.App.Orgs().Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	cookie := mustSignIn(t, h, "ann", rightPassword)
	_, link, err := h.App.Accounts().CreateInvite(t.Context(), account.NewInvite{OrgID: acme.ID, Role: "read"})
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(link, "code=")
	page := h.Do(nobody, http.MethodGet, "/join?code="+code, nil, "Cookie", cookie, "Accept", "text/html")
	if page.Status != http.StatusOK || !strings.Contains(string(page.Body), "Accept the invitation") {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	accept := func() testhub.Answer {
		return h.Do(nobody, http.MethodPost, "/join", "code="+code, append([]string{"Cookie", cookie}, formType...)...)
	}
	wantStatus(t, "accept", accept(), http.StatusSeeOther)
	u, _ := h.App.Accounts().Get(t.Context(), "ann")
	if role, err := h.App.Orgs().RoleOf(t.Context(), acme.ID, u.ID); err != nil || role != "read" {
		t.Errorf("role %q, %v", role, err)
	}
	if a := accept(); a.Status < 400 {
		t.Errorf("used twice: %d", a.Status)
	}
}
