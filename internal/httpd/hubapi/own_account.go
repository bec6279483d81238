package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
)

// ownAccountRoutes are what users change about their own account. What could take the account away asks for the password.
func (a *API) ownAccountRoutes() []httpd.Route {
	get, post, put, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []httpd.Route{
		{ID: "listSessions", Method: get, Path: "/api/user/sessions", Right: authz.Account, Handler: a.listSessions},
		{ID: "endSession", Method: del, Path: "/api/user/sessions/{session}", Right: authz.Account, Handler: a.endSession},
		{ID: "changePassword", Method: put, Path: "/api/user/password", Right: authz.Account, Handler: a.changePassword},
		{ID: "changeEmail", Method: put, Path: "/api/user/email", Right: authz.Account, Handler: a.changeEmail},
		{ID: "resendEmail", Method: post, Path: "/api/user/email/resend", Right: authz.Account, Handler: a.resendEmail},
		{ID: "renameUser", Method: put, Path: "/api/user/name", Right: authz.Account, Handler: a.renameUser},
		{ID: "deleteUser", Method: del, Path: "/api/user", Right: authz.Account, Handler: a.deleteUser},
	}
}

type sessionAnswer struct {
	ID         string  `json:"id"`
	Current    bool    `json:"current"`
	UserAgent  string  `json:"userAgent"`
	Address    string  `json:"address"`
	CreatedAt  string  `json:"createdAt"`
	LastSeenAt *string `json:"lastSeenAt"`
	ExpiresAt  string  `json:"expiresAt"`
}

// ownSession is the secret of the session that makes the request; empty when a token does.
func ownSession(r *http.Request) string {
	if httpd.Of(r).Actor.TokenID != "" {
		return ""
	}
	c, err := r.Cookie(httpd.SessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	sessions, err := a.Accounts.Sessions(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return err
	}
	current := ""
	if secret := ownSession(r); secret != "" {
		current = account.SessionID(secret)
	}
	out := make([]sessionAnswer, len(sessions))
	for i, s := range sessions {
		out[i] = sessionAnswer{ID: s.ID, Current: s.ID == current, UserAgent: s.UserAgent, Address: s.Addr, CreatedAt: content.Date(s.CreatedAt), ExpiresAt: content.Date(s.ExpiresAt)}
		if !s.LastSeenAt.IsZero() {
			at := content.Date(s.LastSeenAt)
			out[i].LastSeenAt = &at
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.Accounts.RevokeSession(r.Context(), httpd.Of(r).Actor.UserID, httpd.Param(r, "session")); err != nil {
		return err
	}
	return answerDone(w, r, "The session has ended")
}

func (a *API) changePassword(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Current string `json:"currentPassword"`
		New     string `json:"newPassword"`
	}
	if err := httpd.ReadJSON(w, r, maxAccountBody, &b); err != nil {
		return err
	}
	if err := a.Accounts.ChangePassword(r.Context(), httpd.Of(r).Actor.UserID, b.Current, b.New, ownSession(r), clientOf(r)); err != nil {
		return err
	}
	return answerDone(w, r, "The password is changed, and all other sessions have ended")
}

func (a *API) changeEmail(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := httpd.ReadJSON(w, r, maxAccountBody, &b); err != nil {
		return err
	}
	by := httpd.Of(r).Actor
	if err := a.Accounts.Confirm(r.Context(), by.UserID, b.Password, clientOf(r)); err != nil {
		return err
	}
	if err := a.Accounts.ChangeEmail(r.Context(), by.UserID, b.Email); err != nil {
		return err
	}
	if b.Email == "" {
		return answerDone(w, r, "The address is removed")
	}
	if !a.Accounts.SendsMail() {
		return answerDone(w, r, "The address counts once it is confirmed. This hub sends no e-mail: ask its administrators for the link")
	}
	return answerDone(w, r, "Open the link in the e-mail to the new address: it counts from then on")
}

func (a *API) resendEmail(w http.ResponseWriter, r *http.Request) error {
	if err := a.Accounts.ResendEmail(r.Context(), httpd.Of(r).Actor.UserID); err != nil {
		return err
	}
	return answerDone(w, r, "The link is on its way once more")
}

func (a *API) renameUser(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := httpd.ReadJSON(w, r, maxAccountBody, &b); err != nil {
		return err
	}
	by := httpd.Of(r).Actor
	if err := account.CheckName(b.Name, false); err != nil {
		return err
	}
	if err := a.Accounts.Confirm(r.Context(), by.UserID, b.Password, clientOf(r)); err != nil {
		return err
	}
	u, err := a.Accounts.Rename(r.Context(), by.UserID, b.Name)
	if err != nil {
		return err
	}
	return answerDone(w, r, "Your name is "+u.Name+" now; the old one leads to it for 90 days")
}

func (a *API) deleteUser(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := httpd.ReadJSON(w, r, maxAccountBody, &b); err != nil {
		return err
	}
	if err := a.Accounts.DeleteOwn(r.Context(), httpd.Of(r).Actor.UserID, b.Password, b.Name, clientOf(r)); err != nil {
		return err
	}
	return answerDone(w, r, "The account is deleted; its name stays out of reach of others for 90 days")
}
