package accounts

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/mail/mailtest"
	"github.com/cairnhub/cairn/internal/site"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A stolen token names an address of the thief's, as the Settings API has it, and gets the account by it only if its owner
// signs in and confirms that address.
func TestStolenTokenDoesNotTakeTheAccountByItsAddress(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	ann, thief := h.User("ann"), h.User("thief")
	asked := h.Do(ann, http.MethodPut, "/api/users/ann/settings", map[string]any{"email": "thief@elsewhere.example"})
	wantStatus(t, "by a token", asked, http.StatusOK)
	var code string
	for _, m := range srv.Wait(2) {
		if m.To == "thief@elsewhere.example" {
			code = codeIn(t, m, "/login/verify")
		}
	}
	body := map[string]any{"code": code}
	form := "code=" + url.QueryEscape(code)
	address := func() string {
		u, err := h.App.Accounts().Get(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		return u.Email
	}
	other := mustSignIn(t, h, "thief", rightPassword)
	wantStatus(t, "nobody", post(h, "/api/auth/verify-email", body), http.StatusUnauthorized)
	for name, a := range map[string]testhub.Answer{
		"the stolen token":  h.Do(ann, http.MethodPost, "/api/auth/verify-email", body),
		"it on the page":    h.Do(ann, http.MethodPost, "/login/verify", form, formType...),
		"the thief's token": h.Do(thief, http.MethodPost, "/api/auth/verify-email", body),
		"the thief":         byCookie(h, other, http.MethodPost, "/api/auth/verify-email", body),
		"nobody's page":     h.Do(nobody, http.MethodPost, "/login/verify", form, formType...),
	} {
		if a.Status < 400 || address() != "ann@example.com" {
			t.Fatalf("%s confirms the address: %d", name, a.Status)
		}
	}
	page := h.Do(nobody, http.MethodGet, "/login/verify?code="+code, nil, "Accept", "text/html")
	next := "/login?next=" + url.QueryEscape("/login/verify?code="+code)
	if page.Status != http.StatusOK || !strings.Contains(string(page.Body), next) || strings.Contains(string(page.Body), "Confirm the address") {
		t.Fatalf("the page does not ask to sign in first: %d %s", page.Status, page.Body)
	}
	signing := url.Values{"username": {"ann"}, "password": {rightPassword}, "next": {"/login/verify?code=" + code}}
	in := h.Do(nobody, http.MethodPost, "/login", signing.Encode(), formType...)
	if in.Status != http.StatusSeeOther || in.Header.Get("Location") != "/login/verify?code="+code {
		t.Fatalf("signing in does not come back to the link: %d %s", in.Status, in.Header.Get("Location"))
	}
	back := h.Do(nobody, http.MethodGet, "/login/verify?code="+code, nil, "Cookie", cookies(in), "Accept", "text/html")
	if !strings.Contains(string(back.Body), "Confirm the address") || address() != "ann@example.com" {
		t.Fatalf("%d %s", back.Status, back.Body)
	}
	done := h.Do(nobody, http.MethodPost, "/login/verify", form, append([]string{"Cookie", cookies(in)}, formType...)...)
	if done.Status != http.StatusSeeOther || address() != "thief@elsewhere.example" {
		t.Errorf("its own user confirms: %d %s", done.Status, address())
	}
}

// A session left open somewhere changes no address without the password, nor does a token take the address away.
func TestChangeOfAddressBySettingsTakesThePassword(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	ann := h.User("ann")
	cookie := mustSignIn(t, h, "ann", rightPassword)
	path := "/api/users/ann/settings"
	set := func(b map[string]any) testhub.Answer { return byCookie(h, cookie, http.MethodPut, path, b) }
	wantStatus(t, "without it", set(map[string]any{"email": "new@example.com"}), http.StatusBadRequest)
	wantStatus(t, "a wrong one", set(map[string]any{"email": "new@example.com", "password": "wrong password"}), http.StatusBadRequest)
	wantStatus(t, "a number", set(map[string]any{"email": "new@example.com", "password": 5}), http.StatusBadRequest)
	wantStatus(t, "a token takes it away", h.Do(ann, http.MethodPut, path, map[string]any{"email": ""}), http.StatusBadRequest)
	wantStatus(t, "other settings", set(map[string]any{"bio": "about"}), http.StatusOK)
	if n := len(srv.Mails()); n != 0 {
		t.Errorf("%d letters", n)
	}
	wantStatus(t, "with it", set(map[string]any{"email": "new@example.com", "password": rightPassword}), http.StatusOK)
	srv.Wait(2)
	wantStatus(t, "none", set(map[string]any{"email": "", "password": rightPassword}), http.StatusOK)
	if u, err := h.App.Accounts().Get(t.Context(), "ann"); err != nil || u.Email != "" {
		t.Errorf("%+v %v", u, err)
	}
}

// The whole way of a thief: an address named, the password changed by its owner, the thief's link opened after that.
func TestNewPasswordEndsTheLinkOfAThief(t *testing.T) {
	h, srv := mailHub(t, site.Open)
	ann := h.User("ann")
	wantStatus(t, "by a token", h.Do(ann, http.MethodPut, "/api/users/ann/settings", map[string]any{"email": "thief@elsewhere.example"}), http.StatusOK)
	to := map[string]mailtest.Mail{}
	for _, m := range srv.Wait(2) {
		to[m.To] = m
	}
	cookie := mustSignIn(t, h, "ann", rightPassword)
	wantStatus(t, "change", byCookie(h, cookie, http.MethodPut, "/api/user/password", map[string]any{"currentPassword": rightPassword, "newPassword": goodSecret}), http.StatusOK)
	body := map[string]any{"code": codeIn(t, to["thief@elsewhere.example"], "/login/verify")}
	wantStatus(t, "the link", byCookie(h, cookie, http.MethodPost, "/api/auth/verify-email", body), http.StatusNotFound)
	u, err := h.App.Accounts().Get(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	if u.Email != "ann@example.com" {
		t.Errorf("%+v", u)
	}
}
