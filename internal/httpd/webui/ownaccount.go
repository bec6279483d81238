package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
)

const accountPath = "/settings/account"

func (a *API) accountRoutes() []httpd.Route {
	get, post, own := http.MethodGet, http.MethodPost, authz.Account
	return []httpd.Route{
		{ID: "accountPage", Method: get, Path: accountPath, Right: own, Handler: a.accountPage},
		{ID: "changeEmailForm", Method: post, Path: accountPath + "/email", Right: own, Handler: a.changeEmail},
		{ID: "resendEmailForm", Method: post, Path: accountPath + "/email/resend", Right: own, Handler: a.resendEmail},
		{ID: "cancelEmailForm", Method: post, Path: accountPath + "/email/cancel", Right: own, Handler: a.cancelEmail},
		{ID: "changePasswordForm", Method: post, Path: accountPath + "/password", Right: own, Handler: a.changePassword},
		{ID: "renameUserForm", Method: post, Path: accountPath + "/name", Right: own, Handler: a.renameUser},
		{ID: "deleteUserForm", Method: post, Path: accountPath + "/delete", Right: own, Handler: a.deleteUser},
	}
}

type accountPage struct {
	settingsPage
	HasPassword                bool
	Email, Waiting             string
	Verified                   bool
	NewEmail, EmailPassword    field
	Current, New               field
	NewName, NamePassword      field
	DeleteName, DeletePassword field
}

func passwordField(name string) field {
	return field{Name: name, Label: "Your password", Type: "password", Autocomplete: "current-password", Max: maxTyped}
}

func (a *API) newAccountPage(r *http.Request) (accountPage, error) {
	p := accountPage{settingsPage: userSettings(r, accountPath),
		NewEmail:      field{Name: "email", Label: "New address", Type: "email", Autocomplete: "email", Max: maxUsername, Plain: true, Optional: true, Hint: "Empty: no address any more."},
		EmailPassword: passwordField("email-password"),
		Current:       field{Name: "current", Label: "Password now", Type: "password", Autocomplete: "current-password", Max: maxTyped},
		New:           field{Name: "new", Label: "New password", Type: "password", Autocomplete: "new-password", Max: maxTyped, Hint: passwordHint},
		NewName:       field{Name: "name", Label: "New name", Autocomplete: "off", Max: maxUsername, Plain: true},
		NamePassword:  passwordField("name-password"),
		DeleteName:    field{Name: "delete-name", Label: "Type your user name", Autocomplete: "off", Max: maxUsername, Plain: true},
	}
	p.DeletePassword = passwordField("delete-password")
	user, err := a.Accounts.GetByID(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return p, err
	}
	p.HasPassword, p.Email, p.Verified = user.HasPassword, user.Email, user.EmailVerified
	waiting, err := a.Accounts.PendingOf(r.Context(), user.ID)
	if waiting != nil {
		p.Waiting = waiting.Email
	}
	return p, err
}

func (a *API) accountPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newAccountPage(r)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "account", p)
}

// wrongPassword is what account says about the one thing that a form here asks for beside what it changes.
const wrongPassword = "The password is wrong."

// change runs one of the page's forms. What it is refused for stands at the password, if that is wrong, or at the value.
func (a *API) change(w http.ResponseWriter, r *http.Request, what string, do func(form url.Values) error, fields func(*accountPage) (value, password *field)) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err = do(form); err == nil {
		seeOther(w, accountPath+"?done="+what)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newAccountPage(r)
	if err != nil {
		return err
	}
	value, password := fields(&p)
	if value.Type != "password" {
		value.Value = clip(form.Get(value.Name), maxUsername)
	}
	if text == wrongPassword {
		value = password
	}
	value.Problem, value.Focus = text, true
	return write(w, r, status, "account", p)
}

func (a *API) changeEmail(w http.ResponseWriter, r *http.Request) error {
	id, what := httpd.Of(r).Actor.UserID, "email"
	return a.change(w, r, what, func(form url.Values) error {
		if err := a.Accounts.Confirm(r.Context(), id, form.Get("email-password"), a.client(r)); err != nil {
			return err
		}
		return a.Accounts.ChangeEmail(r.Context(), id, form.Get("email"))
	}, func(p *accountPage) (value, password *field) { return &p.NewEmail, &p.EmailPassword })
}

func (a *API) resendEmail(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, "resent", func(url.Values) error { return a.Accounts.ResendEmail(r.Context(), httpd.Of(r).Actor.UserID) },
		func(p *accountPage) (value, password *field) { return &p.NewEmail, &p.EmailPassword })
}

func (a *API) cancelEmail(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, "cancelled", func(url.Values) error { return a.Accounts.CancelEmail(r.Context(), httpd.Of(r).Actor.UserID) },
		func(p *accountPage) (value, password *field) { return &p.NewEmail, &p.EmailPassword })
}

// changePassword ends all other sessions.
func (a *API) changePassword(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, "password", func(form url.Values) error {
		return a.Accounts.ChangePassword(r.Context(), httpd.Of(r).Actor.UserID, form.Get("current"), form.Get("new"), sessionOf(r), a.client(r))
	}, func(p *accountPage) (value, password *field) { return &p.New, &p.Current })
}

// sessionOf is the secret of the session that makes the request; empty when a token does.
func sessionOf(r *http.Request) string {
	c, err := r.Cookie(httpd.SessionCookie)
	if err != nil || httpd.Of(r).Actor.TokenID != "" {
		return ""
	}
	return c.Value
}

func (a *API) renameUser(w http.ResponseWriter, r *http.Request) error {
	id := httpd.Of(r).Actor.UserID
	return a.change(w, r, "my-name", func(form url.Values) error {
		if err := account.CheckName(form.Get("name"), false); err != nil {
			return err
		}
		if err := a.Accounts.Confirm(r.Context(), id, form.Get("name-password"), a.client(r)); err != nil {
			return err
		}
		_, err := a.Accounts.Rename(r.Context(), id, form.Get("name"))
		return err
	}, func(p *accountPage) (value, password *field) { return &p.NewName, &p.NamePassword })
}

func (a *API) deleteUser(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	err = a.Accounts.DeleteOwn(r.Context(), httpd.Of(r).Actor.UserID, form.Get("delete-password"), form.Get("delete-name"), a.client(r))
	if err == nil {
		setCookie(w, r, httpd.SessionCookie, "", -1)
		seeOther(w, "/")
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newAccountPage(r)
	if err != nil {
		return err
	}
	value := &p.DeleteName
	if text == wrongPassword {
		value = &p.DeletePassword
	}
	value.Problem, value.Focus = text, true
	return write(w, r, status, "account", p)
}
