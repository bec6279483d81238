package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/site"
)

// registrationRoutes are for who has no proof yet: they make an account, prove an address, replace a lost password.
func (a *API) registrationRoutes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	return []httpd.Route{
		{ID: "siteConfig", Method: get, Path: "/api/site-config", Right: authz.Public, Handler: a.siteConfig},
		{ID: "register", Method: post, Path: "/api/auth/register", Right: authz.Public, Handler: a.register},
		{ID: "verifyEmail", Method: post, Path: "/api/auth/verify-email", Right: authz.Public, Handler: a.verifyEmail},
		{ID: "forgotPassword", Method: post, Path: "/api/auth/forgot-password", Right: authz.Public, Handler: a.forgotPassword},
		{ID: "resetPassword", Method: post, Path: "/api/auth/reset-password", Right: authz.Public, Handler: a.resetPassword},
	}
}

// readAnonymous reads the body of a request that brings its proof along, and comes from no other site's page.
func readAnonymous(w http.ResponseWriter, r *http.Request, dst any) error {
	if err := httpd.FromElsewhere(r); err != nil {
		return err
	}
	return httpd.ReadJSON(w, r, maxAccountBody, dst)
}

const maxAccountBody = 16 << 10

func clientOf(r *http.Request) account.Client {
	return account.Client{Addr: httpd.Of(r).Addr(), UserAgent: r.UserAgent(), Device: httpd.Device(r)}
}

func (a *API) siteConfig(w http.ResponseWriter, r *http.Request) error {
	how, err := a.Accounts.Admission(r.Context())
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"site_name": a.Site.Name, "registration": how.Registration,
		"invitation_only": how.Registration == site.Invite, "require_email_verification": how.EmailNeeded})
}

func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Username   string `json:"username"`
		Email      string `json:"email"`
		Password   string `json:"password"`
		Fullname   string `json:"fullname"`
		Invitation string `json:"invitation"`
	}
	if err := readAnonymous(w, r, &b); err != nil {
		return err
	}
	if b.Invitation == "" {
		b.Invitation = r.URL.Query().Get("invitation_token")
	}
	made, err := a.Accounts.Register(r.Context(), account.Registration{Name: b.Username, Email: b.Email, Fullname: b.Fullname, Password: b.Password, Invite: b.Invitation}, clientOf(r))
	if err != nil {
		return err
	}
	message := "The account is ready: sign in."
	if made.Confirm {
		message = "The account is made. Open the link in the e-mail that is on its way, then sign in."
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true, "message": message, "username": made.User.Name, "email_verified": made.User.EmailVerified, "confirm": made.Confirm})
}

func (a *API) verifyEmail(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Code string `json:"code"`
	}
	if err := readAnonymous(w, r, &b); err != nil {
		return err
	}
	if _, err := a.Accounts.VerifyEmail(r.Context(), b.Code, httpd.SessionUser(r)); err != nil {
		return err
	}
	return answerDone(w, r, "The address is confirmed")
}

func (a *API) forgotPassword(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Username string `json:"username"`
		Email    string `json:"email"`
	}
	if err := readAnonymous(w, r, &b); err != nil {
		return err
	}
	name := b.Email
	if name == "" {
		name = b.Username
	}
	if err := a.Accounts.RequestReset(r.Context(), name, httpd.Of(r).Addr()); err != nil {
		return err
	}
	if !a.Accounts.SendsMail() {
		return answerDone(w, r, "This hub sends no e-mail: ask its administrators for a link to choose a new password")
	}
	return answerDone(w, r, "If there is such an account with an e-mail address, a link to choose a new password is on its way to it")
}

func (a *API) resetPassword(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Code     string `json:"code"`
		Password string `json:"password"`
	}
	if err := readAnonymous(w, r, &b); err != nil {
		return err
	}
	if _, err := a.Accounts.Reset(r.Context(), b.Code, b.Password); err != nil {
		return err
	}
	return answerDone(w, r, "The password is changed and all sessions have ended: sign in")
}
