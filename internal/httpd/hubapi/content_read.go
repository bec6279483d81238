package hubapi

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
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
	return httpd.AppendedJSON(w, r, func(b []byte) []byte { return content.AppendEntries(b, list) })
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
	return httpd.AppendedJSON(w, r, func(b []byte) []byte { return content.AppendEntries(b, list) })
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
	if wantsExpanded(r, "verification") {
		return a.refsVerified(w, r, refs)
	}
	return httpd.JSON(w, r, http.StatusOK, refs)
}
