package webui

import (
	"bytes"
	"net/http"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

// page is what every page's data begins with.
type page struct {
	Title       string
	Description string
	Section     string // models, datasets, spaces, or none of them
	User        string // who is signed in
	UserPath    string
	Origin      string
}

func newPage(r *http.Request, title string) page {
	st := httpd.Of(r)
	p := page{Title: title, User: st.Actor.Name, Origin: st.Origin}
	if p.User != "" {
		p.UserPath = "/" + escape(p.User)
	}
	return p
}

// policy is what a browser lets a page do. What a README shows from elsewhere is not loaded: it would tell others who
// reads what.
const policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// write fills a template. It begins to answer only when the whole page is there, so that a failure is an error page.
func write(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	var b bytes.Buffer
	if err := render(&b, name, data); err != nil {
		return errs.Wrap("webui."+name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept, Authorization, Cookie")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-cache")
	}
	h.Del("Access-Control-Allow-Origin") // pages are for people: the API is for other sites' scripts
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
	return nil
}

func render(b *bytes.Buffer, name string, data any) error {
	s, err := site()
	if err != nil {
		return err
	}
	t, err := s.pages.page(name)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(b, "layout", data)
}
