package webui

import (
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

const (
	maxForm     = 16 << 10
	maxUsername = 254
	maxTyped    = 1024 // characters of a password
)

type loginPage struct {
	page
	Username, Password field
	Next               string
	Problem, Done      string
	MayJoin            bool
}

// newLoginPage is the form, with the name that somebody has typed.
func (a *API) newLoginPage(r *http.Request, name, next string) (loginPage, error) {
	how, err := a.Accounts.Admission(r.Context())
	return loginPage{page: newPage(r, "Sign in"), Next: next, MayJoin: how.Open(),
		Username: field{Name: "username", Label: "User name or e-mail", Value: name, Autocomplete: "username", Max: maxUsername, Plain: true, Focus: name == ""},
		Password: field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password", Max: maxTyped, Focus: name != ""}}, err
}

func (a *API) loginPage(w http.ResponseWriter, r *http.Request) error {
	next := cameFrom(r)
	if v := r.URL.Query().Get("next"); v != "" {
		next = safeNext(v)
	}
	if !httpd.Of(r).Actor.Anonymous() {
		seeOther(w, next)
		return nil
	}
	p, err := a.newLoginPage(r, "", next)
	if err != nil {
		return err
	}
	p.Done = doneWords[r.URL.Query().Get("done")]
	return write(w, r, http.StatusOK, "login", p)
}

// doneWords are what the form says to who has just done something else about an account.
var doneWords = map[string]string{
	"confirmed": "Your e-mail address is confirmed. Sign in to go on.",
	"reset":     "Your password is changed. Sign in with the new one.",
	"joined":    "Your account is ready. Sign in to go on.",
}

// login checks a password and begins a session under a new secret. The session that the browser had ends.
func (a *API) login(w http.ResponseWriter, r *http.Request) error {
	form, err := readAnonymousForm(w, r)
	if err != nil {
		return err
	}
	name, next := strings.TrimSpace(form.Get("username")), safeNext(form.Get("next"))
	if name == "" || len(name) > maxUsername || form.Get("password") == "" {
		err = errs.New(errs.Unauthenticated, "Wrong user name or password")
	} else {
		err = a.signIn(w, r, name, form.Get("password"))
	}
	if err != nil {
		return a.loginFailed(w, r, err, name, next)
	}
	seeOther(w, next)
	return nil
}

// signIn begins a session for this browser and lets the browser keep that it was here.
func (a *API) signIn(w http.ResponseWriter, r *http.Request, name, password string) error {
	secret, err := a.Accounts.Login(r.Context(), name, password, a.client(r))
	if err != nil {
		return err
	}
	if err := a.endSession(r); err != nil {
		return err
	}
	actor, err := a.Accounts.SessionActor(r.Context(), secret)
	if err != nil {
		return err
	}
	device, err := a.Accounts.Remember(r.Context(), a.client(r).Device, actor.UserID)
	if err != nil {
		return err
	}
	setCookie(w, r, httpd.SessionCookie, secret, int(account.SessionLife.Seconds()))
	setCookie(w, r, httpd.DeviceCookie, device, deviceAge)
	return nil
}

// deviceAge is how long a browser remembers that somebody has signed in on it, in seconds.
const deviceAge = 400 * 24 * 60 * 60

func (a *API) client(r *http.Request) account.Client {
	return account.Client{Addr: a.addr(r), UserAgent: r.UserAgent(), Device: httpd.Device(r)}
}

// loginFailed shows the form again with the reason in words. What is not the caller's to mend is an error page.
func (a *API) loginFailed(w http.ResponseWriter, r *http.Request, err error, name, next string) error {
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	if len(name) > maxUsername {
		name = ""
	}
	p, err := a.newLoginPage(r, name, next)
	if err != nil {
		return err
	}
	p.Problem = text
	return write(w, r, status, "login", p)
}

func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	if err := httpd.FromElsewhere(r); err != nil {
		return err
	}
	if err := a.endSession(r); err != nil {
		return err
	}
	setCookie(w, r, httpd.SessionCookie, "", -1)
	seeOther(w, "/")
	return nil
}

func (a *API) endSession(r *http.Request) error {
	if c, err := r.Cookie(httpd.SessionCookie); err == nil && c.Value != "" {
		return a.Accounts.Logout(r.Context(), c.Value)
	}
	return nil
}

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the hub is reached by https; at home it may be http
		Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(httpd.Of(r).Origin, "https://"),
	})
}

func seeOther(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// readAnonymousForm reads a form that nobody has to be signed in for; another site's page cannot send it.
func readAnonymousForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if err := httpd.FromElsewhere(r); err != nil {
		return nil, err
	}
	return readForm(w, r)
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	return readFormOf(w, r, maxForm)
}

// readFormOf is readForm for forms that may be larger.
func readFormOf(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, error) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/x-www-form-urlencoded" {
		return nil, errs.New(errs.Invalid, "Send a form: Content-Type must be application/x-www-form-urlencoded.")
	}
	b, err := httpd.ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, errs.New(errs.Invalid, "The form is not valid.")
	}
	return form, nil
}

func (a *API) addr(r *http.Request) netip.Addr {
	if a.Addr != nil {
		return a.Addr(r)
	}
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap()
}
