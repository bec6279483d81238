package webui

import (
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

const (
	maxForm     = 16 << 10
	maxUsername = 254
)

type loginPage struct {
	page
	Username string
	Next     string
	Problem  string
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
	return write(w, r, http.StatusOK, "login", loginPage{page: newPage(r, "Sign in"), Next: next})
}

// login checks a password and begins a session under a new secret. The session that the browser had ends.
func (a *API) login(w http.ResponseWriter, r *http.Request) error {
	if !sameSite(r) {
		return errs.New(errs.Forbidden, "This request comes from another site. Open the hub itself and try again.")
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	name, next := strings.TrimSpace(form.Get("username")), safeNext(form.Get("next"))
	var secret string
	if name == "" || len(name) > maxUsername || form.Get("password") == "" {
		err = errs.New(errs.Unauthenticated, "Wrong user name or password")
	} else {
		secret, err = a.Accounts.Login(r.Context(), name, form.Get("password"), account.Client{Addr: a.addr(r), UserAgent: r.UserAgent()})
	}
	if err != nil {
		return loginFailed(w, r, err, name, next)
	}
	if err := a.endSession(r); err != nil {
		return err
	}
	setSession(w, r, secret, int(account.SessionLife.Seconds()))
	seeOther(w, next)
	return nil
}

// loginFailed shows the form again with the reason in words. What is not the caller's to mend is an error page.
func loginFailed(w http.ResponseWriter, r *http.Request, err error, name, next string) error {
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind == errs.Internal {
		return err
	}
	status := http.StatusUnprocessableEntity
	if e.Kind == errs.RateLimited {
		status = http.StatusTooManyRequests
		if seconds, ok := e.Detail["retryAfter"].(int); ok {
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
		}
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return err
	}
	if len(name) > maxUsername {
		name = ""
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Error-Message", e.Msg)
	return write(w, r, status, "login", loginPage{page: newPage(r, "Sign in"), Username: name, Next: next, Problem: e.Msg + "."})
}

func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	if !sameSite(r) {
		return errs.New(errs.Forbidden, "This request comes from another site. Open the hub itself and try again.")
	}
	if err := a.endSession(r); err != nil {
		return err
	}
	setSession(w, r, "", -1)
	seeOther(w, "/")
	return nil
}

func (a *API) endSession(r *http.Request) error {
	if c, err := r.Cookie(httpd.SessionCookie); err == nil && c.Value != "" {
		return a.Accounts.Logout(r.Context(), c.Value)
	}
	return nil
}

func setSession(w http.ResponseWriter, r *http.Request, secret string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the hub is reached by https; at home it may be http
		Name: httpd.SessionCookie, Value: secret, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(httpd.Of(r).Origin, "https://"),
	})
}

func seeOther(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
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
