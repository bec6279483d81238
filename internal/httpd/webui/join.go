package webui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

// joinRoutes are the pages for who has no session: to make an account, to prove an address, to replace a lost password.
// They open below names that no user can have.
func (a *API) joinRoutes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	return []httpd.Route{
		{ID: "joinPage", Method: get, Path: "/join", Right: authz.Public, Handler: a.joinPage},
		{ID: "join", Method: post, Path: "/join", Right: authz.Public, Handler: a.join},
		{ID: "forgotPage", Method: get, Path: "/login/forgot", Right: authz.Public, Handler: a.forgotPage},
		{ID: "forgot", Method: post, Path: "/login/forgot", Right: authz.Public, Handler: a.forgot},
		{ID: "resetPage", Method: get, Path: "/login/reset", Right: authz.Public, Handler: a.resetPage},
		{ID: "reset", Method: post, Path: "/login/reset", Right: authz.Public, Handler: a.reset},
		{ID: "verifyPage", Method: get, Path: verifyPath, Right: authz.Public, Handler: a.verifyPage},
		{ID: "verify", Method: post, Path: verifyPath, Right: authz.Public, Handler: a.verify},
	}
}

const passwordHint = "10 characters or more. Well-known words, names and patterns are refused."

type joinPage struct {
	page
	Fields  []field
	Code    string // of an invitation
	Closed  string // why nobody registers here
	Accept  bool   // somebody who is signed in is invited
	Problem string
	Done    string
}

func (a *API) joinPage(w http.ResponseWriter, r *http.Request) error {
	code := r.URL.Query().Get("code")
	if !httpd.Of(r).Actor.Anonymous() && code == "" {
		seeOther(w, "/")
		return nil
	}
	p, err := a.newJoinPage(r, code, account.Registration{})
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "join", p)
}

func (a *API) newJoinPage(r *http.Request, code string, n account.Registration) (joinPage, error) {
	p := joinPage{page: newPage(r, "Create an account"), Code: code}
	how, err := a.Accounts.Admission(r.Context())
	if err != nil {
		return p, err
	}
	var inv *account.Invite
	switch {
	case how.Closed():
		p.Closed = "This hub takes no registrations. Ask its administrators for an account."
	case code != "":
		inv, err = a.Accounts.FindInvite(r.Context(), code)
		if errs.Is(err, errs.NotFound) {
			p.Closed, err = "This invitation is not valid any more: it was used, it has ended or it was taken back. Ask for a new one.", nil
		}
	case !how.Open():
		p.Closed = "This hub takes new users by invitation. Ask its administrators for one."
	}
	if err != nil || p.Closed != "" {
		return p, err
	}
	if inv != nil && p.User != "" {
		p.Accept = true
		return p, nil
	}
	if inv != nil && inv.Email != "" {
		n.Email = inv.Email
	}
	p.Fields = joinFields(n, how.EmailNeeded)
	return p, nil
}

func joinFields(n account.Registration, emailNeeded bool) []field {
	email := field{Name: "email", Label: "E-mail", Type: "email", Value: n.Email, Autocomplete: "email", Max: maxUsername, Plain: true, Optional: !emailNeeded}
	if emailNeeded {
		email.Hint = "You confirm it by a link before you can sign in."
	}
	return []field{
		{Name: "username", Label: "User name", Hint: "2 to 42 letters, digits and - _ . between them. Everybody sees it.", Value: n.Name, Autocomplete: "username", Max: 42, Plain: true, Focus: true},
		email,
		{Name: "fullname", Label: "Full name", Value: n.Fullname, Autocomplete: "name", Max: 128, Optional: true},
		{Name: "password", Label: "Password", Hint: passwordHint, Type: "password", Autocomplete: "new-password", Max: maxTyped},
	}
}

// join makes an account. Where the address has to prove itself first, the page says so; otherwise the visitor is signed in.
func (a *API) join(w http.ResponseWriter, r *http.Request) error {
	form, err := readAnonymousForm(w, r)
	if err != nil {
		return err
	}
	by, code := httpd.Of(r).Actor, form.Get("code")
	if !by.Anonymous() {
		if err := a.Authz.Site(by, authz.Write); err != nil { // the route is for everybody, a membership is a change
			return err
		}
		if _, err := a.Accounts.AcceptInvite(r.Context(), code, by.UserID); err != nil {
			return a.joinFailed(w, r, err, code, account.Registration{})
		}
		seeOther(w, "/"+escape(by.Name))
		return nil
	}
	n := account.Registration{Name: strings.TrimSpace(form.Get("username")), Email: form.Get("email"), Fullname: form.Get("fullname"), Password: form.Get("password"), Invite: code}
	made, err := a.Accounts.Register(r.Context(), n, a.client(r))
	if err != nil {
		return a.joinFailed(w, r, err, code, n)
	}
	if made.Confirm {
		return write(w, r, http.StatusOK, "join", joinPage{page: newPage(r, "Confirm your address"), Done: "Your account " + made.User.Name +
			" is made. Open the link in the e-mail that is on its way to " + strings.TrimSpace(n.Email) + ", then sign in. The link works for a day."})
	}
	next := "/" + escape(made.User.Name)
	if a.signIn(w, r, n.Name, n.Password) != nil { // the account is there all the same
		next = "/login?done=joined"
	}
	seeOther(w, next)
	return nil
}

func (a *API) joinFailed(w http.ResponseWriter, r *http.Request, err error, code string, n account.Registration) error {
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	n.Password = ""
	p, failed := a.newJoinPage(r, code, n)
	if failed != nil {
		return failed
	}
	p.Problem, p.Fields = tied(text, err, p.Fields)
	return write(w, r, status, "join", p)
}

// tied puts a problem beside the input that it is about, where the error says which, and above the form otherwise.
func tied(text string, err error, fields []field) (string, []field) {
	var e *errs.Error
	if !errors.As(err, &e) {
		return text, fields
	}
	for i := range fields {
		if fields[i].Name == e.Detail["field"] {
			fields[i].Problem, fields[i].Focus = text, true
			if i > 0 {
				fields[0].Focus = false
			}
			return "", fields
		}
	}
	return text, fields
}

type linkPage struct {
	page
	Code      string
	Name      string // whose account the link is about
	Email     string
	Field     field
	Problem   string
	Done      string
	Worthless bool
	SignIn    string // where to sign in first
}

func newForgotPage(r *http.Request) linkPage {
	return linkPage{page: newPage(r, "Choose a new password"),
		Field: field{Name: "username", Label: "User name or e-mail", Autocomplete: "username", Max: maxUsername, Plain: true, Focus: true}}
}

func (a *API) forgotPage(w http.ResponseWriter, r *http.Request) error {
	return write(w, r, http.StatusOK, "forgot", newForgotPage(r))
}

// forgot has a link sent. The answer is the same whether there is somebody to send it to or not.
func (a *API) forgot(w http.ResponseWriter, r *http.Request) error {
	form, err := readAnonymousForm(w, r)
	if err != nil {
		return err
	}
	name, p := strings.TrimSpace(form.Get("username")), newForgotPage(r)
	if name == "" {
		err = errs.New(errs.Invalid, "Type a user name or an e-mail address")
	} else {
		err = a.Accounts.RequestReset(r.Context(), name, a.addr(r))
	}
	if err == nil {
		if !a.Accounts.SendsMail() {
			p.Done = "This hub sends no e-mail. Ask its administrators for a link to choose a new password."
			return write(w, r, http.StatusOK, "forgot", p)
		}
		p.Done = "If there is such an account with an e-mail address, a link to choose a new password is on its way to it. It works for an hour."
		return write(w, r, http.StatusOK, "forgot", p)
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p.Field.Problem = text
	return write(w, r, status, "forgot", p)
}

func (a *API) resetPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newResetPage(r, r.URL.Query().Get("code"))
	if err != nil {
		return err
	}
	return writeLink(w, r, "reset", p)
}

// writeLink writes the page behind a link, which may be worth nothing any more.
func writeLink(w http.ResponseWriter, r *http.Request, name string, p linkPage) error {
	if !p.Worthless {
		return write(w, r, http.StatusOK, name, p)
	}
	w.Header().Set("X-Error-Message", "This link is not valid any more")
	return write(w, r, http.StatusNotFound, name, p)
}

func (a *API) newResetPage(r *http.Request, code string) (linkPage, error) {
	p := linkPage{page: newPage(r, "Choose a new password"), Code: code,
		Field: field{Name: "password", Label: "New password", Hint: passwordHint, Type: "password", Autocomplete: "new-password", Max: maxTyped, Focus: true}}
	name, err := a.Accounts.FindReset(r.Context(), code)
	if errs.Is(err, errs.NotFound) {
		p.Worthless, err = true, nil
	}
	p.Name = name
	return p, err
}

// reset changes the password. It signs nobody in: who opened the link may not be who reads the mail now.
func (a *API) reset(w http.ResponseWriter, r *http.Request) error {
	form, err := readAnonymousForm(w, r)
	if err != nil {
		return err
	}
	code := form.Get("code")
	if _, err = a.Accounts.Reset(r.Context(), code, form.Get("password")); err == nil {
		seeOther(w, "/login?done=reset")
		return nil
	}
	p, failed := a.newResetPage(r, code)
	if failed != nil {
		return failed
	}
	if p.Worthless {
		return writeLink(w, r, "reset", p)
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p.Field.Problem = text
	return write(w, r, status, "reset", p)
}

const verifyPath = "/login/verify"

// newVerifyPage asks who opens a link to sign in first, unless the account waits for its first address.
func (a *API) newVerifyPage(r *http.Request, code string) (linkPage, error) {
	p := linkPage{page: newPage(r, "Confirm your address"), Code: code}
	pending, err := a.Accounts.FindPending(r.Context(), code)
	switch {
	case errs.Is(err, errs.NotFound):
		p.Worthless, err = true, nil
	case err == nil:
		p.Name, p.Email = pending.UserName, pending.Email
		if by := httpd.SessionUser(r); by == "" && !pending.First {
			p.SignIn = "/login?next=" + url.QueryEscape(verifyPath+"?code="+url.QueryEscape(code))
		} else if by != pending.UserID && !pending.First {
			p.Problem = "You are signed in as " + p.User + ". Sign out, then open the link again and sign in as " + p.Name + "."
		}
	}
	return p, err
}

// verifyPage asks for a click: programs that look at links in e-mails open them, and must not confirm anything by it.
func (a *API) verifyPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newVerifyPage(r, r.URL.Query().Get("code"))
	if err != nil {
		return err
	}
	return writeLink(w, r, "verify", p)
}

func (a *API) verify(w http.ResponseWriter, r *http.Request) error {
	form, err := readAnonymousForm(w, r)
	if err != nil {
		return err
	}
	code := form.Get("code")
	user, err := a.Accounts.VerifyEmail(r.Context(), code, httpd.SessionUser(r))
	if err == nil {
		next := "/login?done=confirmed"
		if httpd.Of(r).Actor.UserID == user.ID {
			next = "/" + escape(user.Name)
		}
		seeOther(w, next)
		return nil
	}
	p, failed := a.newVerifyPage(r, code)
	if failed != nil {
		return failed
	}
	if p.Worthless {
		return writeLink(w, r, "verify", p)
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p.Problem = text
	return write(w, r, status, "verify", p)
}
