package httpd

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// PageOf reads limit and cursor.
func PageOf(r *http.Request, def, most int) (hub.Page, error) {
	q := r.URL.Query()
	p := hub.Page{Cursor: q.Get("cursor")}
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return p, errs.New(errs.Invalid, "limit must be a positive number, not %q", v)
		}
		p.Limit = n
	}
	return p.Clamp(def, most), nil
}

// SetNext writes the Link header to the next page: the same URL with another cursor, absolute, as clients need it.
func SetNext(w http.ResponseWriter, r *http.Request, cursor string) {
	if cursor == "" {
		return
	}
	SetNextQuery(w, r, func(q url.Values) { q.Set("cursor", cursor) })
}

// SetNextQuery writes the Link header to the next page after change has edited the query.
func SetNextQuery(w http.ResponseWriter, r *http.Request, change func(url.Values)) {
	q := r.URL.Query()
	change(q)
	w.Header().Set("Link", "<"+Of(r).Origin+r.URL.EscapedPath()+"?"+q.Encode()+`>; rel="next"`)
}

// Bool reads a query flag: true, 1 and the bare name are yes.
func Bool(r *http.Request, name string) bool {
	v, ok := r.URL.Query()[name]
	return ok && (v[0] == "" || v[0] == "true" || v[0] == "1" || v[0] == "True")
}
