package webui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

type errorPage struct {
	page
	Status  int
	Heading string
	Message string
	Hint    string
}

// RenderPage writes an error as a page for who reads pages, and in the Hub's form for who does not. It never says more
// than the error does: an address of what the caller may not see looks like one of what is not there.
func RenderPage(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	w.Header().Set("Vary", "Accept, Authorization, Cookie")
	if e.Code == errs.CodeRepoNotFound && !namesOwner(r.URL.EscapedPath()) {
		// No repository can ever have this address, so clients must not take the answer for one about a repository.
		status, e = http.StatusNotFound, errs.New(errs.NotFound, "There is nothing at this address. See /.well-known/openapi.md for what is.")
		w.Header().Del("X-Error-Code")
		w.Header().Del("WWW-Authenticate")
		w.Header().Set("X-Error-Message", e.Msg)
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		httpd.RenderHub(w, r, status, e)
		return
	}
	if status == http.StatusUnauthorized && signsIn(r) {
		for _, k := range []string{"WWW-Authenticate", "X-Error-Message", "X-Error-Code"} {
			w.Header().Del(k)
		}
		seeOther(w, "/login?next="+url.QueryEscape(r.URL.RequestURI()))
		return
	}
	w.Header().Del("WWW-Authenticate") // or the browser asks for a password in a window of its own
	if e.Code == errs.CodeRepoNotFound {
		status = http.StatusNotFound
	}
	p := errorPage{page: newPage(r, headings[status]), Status: status, Heading: headings[status], Message: e.Msg}
	if p.Heading == "" {
		p.Title, p.Heading = "That did not work", "That did not work"
	}
	if status == http.StatusNotFound && p.User == "" {
		p.Hint = "If it is private, sign in to see it."
	}
	if err := write(w, r, status, "error", p); err != nil {
		httpd.RenderText(w, r, status, e)
	}
}

// signsIn reports whether the request is for a page that nobody sees without an account, so that who has one signs in and
// comes back. A wrong token in a header is no visitor.
func signsIn(r *http.Request) bool {
	rt := httpd.Of(r).Route
	return rt != nil && r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && rt.Right != authz.Public && !strings.HasPrefix(string(rt.Right), "repo-")
}

var headings = map[int]string{
	http.StatusUnauthorized:        "Sign in to go on",
	http.StatusForbidden:           "You may not do this",
	http.StatusNotFound:            "There is nothing here",
	http.StatusTooManyRequests:     "Too fast",
	http.StatusInternalServerError: "Something went wrong",
	http.StatusNotImplemented:      "Not built yet",
	http.StatusServiceUnavailable:  "Not available right now",
}

// namesOwner reports whether the first segment of a repository's path can be a namespace, and is not an address of the
// hub's own such as /api.
func namesOwner(path string) bool {
	segs := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segs) > 2 && (segs[0] == "datasets" || segs[0] == "spaces") {
		segs = segs[1:]
	}
	name, err := url.PathUnescape(segs[0])
	return err == nil && account.CheckName(name, true) == nil
}
