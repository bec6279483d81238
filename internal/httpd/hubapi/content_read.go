package hubapi

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
)

// at opens the request's repository at the revision in its path; the rest of the path comes back.
func (a *API) at(r *http.Request) (*content.Snapshot, string, error) {
	rp := httpd.Of(r).Repo
	rev, path, err := httpd.RevPath(r, func(rev string) bool { return a.Content.Known(r.Context(), rp, rev) })
	if err != nil {
		return nil, "", err
	}
	snap, err := a.Content.At(r.Context(), rp, rev)
	return snap, path, err
}

// atWhole is at for routes whose rest is a revision alone.
func (a *API) atWhole(r *http.Request) (*content.Snapshot, error) {
	rev, err := httpd.Segment(r)
	if err != nil {
		return nil, err
	}
	return a.Content.At(r.Context(), httpd.Of(r).Repo, rev)
}

func (a *API) tree(w http.ResponseWriter, r *http.Request) error {
	snap, dir, err := a.at(r)
	if err != nil {
		return err
	}
	page, err := httpd.PageOf(r, 0, content.MaxPage)
	if err != nil {
		return err
	}
	list, next, err := a.Content.List(r.Context(), snap, content.ListOptions{
		Dir: dir, Recursive: httpd.Bool(r, "recursive"), Expand: httpd.Bool(r, "expand"), Page: page})
	if err != nil {
		return err
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, list)
}

const maxPathsBody = 4 << 20

// pathsInfo takes the paths as a form (Python) or as JSON (JavaScript).
func (a *API) pathsInfo(w http.ResponseWriter, r *http.Request) error {
	snap, err := a.atWhole(r)
	if err != nil {
		return err
	}
	paths, expand, err := pathsOf(w, r)
	if err != nil {
		return err
	}
	list, err := a.Content.PathsInfo(r.Context(), snap, paths, expand)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, append([]content.Entry{}, list...))
}

func pathsOf(w http.ResponseWriter, r *http.Request) (paths []string, expand bool, err error) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/x-www-form-urlencoded" {
		b, err := httpd.ReadBody(w, r, maxPathsBody)
		if err != nil {
			return nil, false, err
		}
		form, err := url.ParseQuery(string(b))
		if err != nil {
			return nil, false, errs.New(errs.Invalid, "The form is not valid: %v", err)
		}
		v := strings.ToLower(form.Get("expand"))
		return form["paths"], v == "true" || v == "1", nil
	}
	var body struct {
		Paths  stringOrList `json:"paths"`
		Expand bool         `json:"expand"`
	}
	err = httpd.ReadJSON(w, r, maxPathsBody, &body)
	return body.Paths, body.Expand, err
}

func (a *API) treeSize(w http.ResponseWriter, r *http.Request) error {
	snap, path, err := a.at(r)
	if err != nil {
		return err
	}
	size, err := a.Content.TreeSize(r.Context(), snap, path)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"path": path, "size": size})
}

func (a *API) refs(w http.ResponseWriter, r *http.Request) error {
	refs, err := a.Content.Refs(r.Context(), httpd.Of(r).Repo, httpd.Bool(r, "include_prs"))
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, refs)
}

type commitItem struct {
	ID        string         `json:"id"`
	Title     string         `json:"title"`
	Message   string         `json:"message"`
	Authors   []commitAuthor `json:"authors"`
	Date      string         `json:"date"`
	Formatted *formatted     `json:"formatted,omitempty"`
}

type commitAuthor struct {
	User   string `json:"user"`
	Avatar string `json:"avatar,omitempty"`
}

type formatted struct {
	Title   string `json:"title"`
	Message string `json:"message"`
}

func (a *API) commits(w http.ResponseWriter, r *http.Request) error {
	snap, err := a.atWhole(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	o := content.LogOptions{Limit: 50}
	if v := q.Get("p"); v != "" {
		if o.Page, err = strconv.Atoi(v); err != nil {
			return errs.New(errs.Invalid, "p must be a page number, not %q", v)
		}
	}
	page, err := httpd.PageOf(r, 50, 1000)
	if err != nil {
		return err
	}
	o.Limit = page.Limit
	list, more, total, err := a.Content.Log(r.Context(), snap, o)
	if err != nil {
		return err
	}
	format := slices.Contains(append(q["expand"], q["expand[]"]...), "formatted")
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	if more {
		httpd.SetNextQuery(w, r, func(q url.Values) { q.Set("p", strconv.Itoa(o.Page+1)) })
	}
	out := make([]commitItem, len(list))
	for i, c := range list {
		out[i] = commitOf(c, format)
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

func commitOf(c gitstore.CommitInfo, format bool) commitItem {
	title, body := c.Commit.Subject(), c.Commit.Body()
	item := commitItem{ID: c.OID.String(), Title: title, Message: body, Date: content.Date(c.Commit.Committer.When), Authors: []commitAuthor{{User: c.Commit.Author.Name}}}
	if format {
		item.Formatted = &formatted{Title: htmlText(title), Message: htmlText(body)}
	}
	return item
}

// compare answers in the words of git diff --raw, as the Hub does.
func (a *API) compare(w http.ResponseWriter, r *http.Request) error {
	spec, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	list, err := a.Content.Compare(r.Context(), httpd.Of(r).Repo, spec)
	if err != nil {
		return err
	}
	if httpd.Bool(r, "raw") {
		return errs.Unsupported("The textual diff of a comparison is not built yet; leave raw out for the list of changed files.")
	}
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, ":%s %s %s %s %s\t%s\n", c.OldMode, c.NewMode, c.Old, c.New, c.Status, c.Path)
	}
	return httpd.JSON(w, r, http.StatusOK, b.String())
}
