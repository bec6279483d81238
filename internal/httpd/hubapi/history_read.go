package hubapi

import (
	"fmt"
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

// commits lists a history, of all files or of the path that stands behind the revision or in the query.
func (a *API) commits(w http.ResponseWriter, r *http.Request) error {
	snap, path, err := a.at(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if path == "" {
		path = strings.Trim(q.Get("path"), "/")
	}
	o := content.LogOptions{Path: path}
	if o.Page, o.Limit, err = numberedPage(r, 50, 1000); err != nil {
		return err
	}
	list, more, total, err := a.Content.Log(r.Context(), snap, o)
	if err != nil {
		return err
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	if more {
		setNextPage(w, r, o.Page)
	}
	out, format := make([]commitItem, len(list)), wantsExpanded(r, "formatted")
	for i, c := range list {
		out[i] = commitOf(c.OID, c.Commit, format)
	}
	if wantsExpanded(r, "verification") {
		if err := a.addVerifications(r, snap.Git, list, out); err != nil {
			return err
		}
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

// maxPage bounds p, so that no page's first row is beyond what a number holds.
const maxPage = 1 << 20

// numberedPage reads p and limit.
func numberedPage(r *http.Request, def, most int) (page, limit int, err error) {
	if v := r.URL.Query().Get("p"); v != "" {
		if page, err = strconv.Atoi(v); err != nil || page < 0 || page > maxPage {
			return 0, 0, errs.New(errs.Invalid, "p must be a page number, not %q", v)
		}
	}
	size, err := httpd.PageOf(r, def, most)
	return page, size.Limit, err
}

func setNextPage(w http.ResponseWriter, r *http.Request, page int) {
	httpd.SetNextQuery(w, r, func(q url.Values) { q.Set("p", strconv.Itoa(page+1)) })
}

func wantsExpanded(r *http.Request, what string) bool {
	q := r.URL.Query()
	return slices.Contains(append(q["expand"], q["expand[]"]...), what)
}

// showCommit answers a commit and a page of the files that it changed.
func (a *API) showCommit(w http.ResponseWriter, r *http.Request) error {
	snap, err := a.atWhole(r)
	if err != nil {
		return err
	}
	o := content.ShowOptions{Patches: content.MaxPatches}
	if o.Page, o.Limit, err = numberedPage(r, 100, content.MaxShown); err != nil {
		return err
	}
	if r.URL.Query().Has("patch") && !httpd.Bool(r, "patch") {
		o.Patches = 0
	}
	shown, err := a.Content.Show(r.Context(), snap, o)
	if err != nil {
		return err
	}
	if shown.More {
		setNextPage(w, r, o.Page)
	}
	out := commitDetailOf(shown, wantsExpanded(r, "formatted"))
	signed, err := a.Verify.Commits(r.Context(), snap.Git, []gitstore.CommitInfo{{OID: shown.ID, Commit: shown.Commit}})
	if err != nil {
		return err
	}
	out.Verification = verificationOf(signed[0])
	return httpd.JSON(w, r, http.StatusOK, out)
}

// compare answers the list of changed files in the words of git diff --raw, as the Hub does, or the patch.
func (a *API) compare(w http.ResponseWriter, r *http.Request) error {
	spec, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	c, err := a.Content.Compare(r.Context(), httpd.Of(r).Repo, spec)
	if err != nil {
		return err
	}
	if httpd.Bool(r, "raw") {
		return a.patch(w, r, c)
	}
	list, err := c.Changes(r.Context())
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, ":%s %s %s %s %s\t%s\n", c.OldMode, c.NewMode, c.Old, c.New, c.Status, c.Path)
	}
	return httpd.JSON(w, r, http.StatusOK, b.String())
}

// patch streams what git apply takes. It is text, or a JSON string for a client that takes nothing but JSON.
func (a *API) patch(w http.ResponseWriter, r *http.Request, c *content.Comparison) error {
	leave, err := a.patches.Enter(w.Header(), a.Client(r))
	if err != nil {
		return err
	}
	defer leave()
	p, err := c.Patch(r.Context())
	if err != nil {
		return err
	}
	out := httpd.Patient(w)
	if onlyJSON(r) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		s := httpd.NewJSONString(out)
		if err := p.Write(r.Context(), s); err != nil {
			return err
		}
		return s.Close()
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	return p.Write(r.Context(), out)
}

func onlyJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/") && !strings.Contains(accept, "*/*")
}

type blameAnswer struct {
	Path     string      `json:"path"`
	Commit   string      `json:"commit"`
	Lines    int         `json:"lines"`
	Complete bool        `json:"complete"`
	Hunks    []blameHunk `json:"hunks"`
}

type blameHunk struct {
	StartLine    int         `json:"startLine"`
	EndLine      int         `json:"endLine"`
	Commit       blameCommit `json:"commit"`
	OriginalPath string      `json:"originalPath,omitempty"`
	OriginalLine int         `json:"originalLine"`
	Open         bool        `json:"open,omitempty"`
}

type blameCommit struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Date   string `json:"date"`
	Author string `json:"author"`
}

func (a *API) blame(w http.ResponseWriter, r *http.Request) error {
	snap, path, err := a.at(r)
	if err != nil {
		return err
	}
	b, err := a.Content.Blame(r.Context(), snap, path)
	if err != nil {
		return err
	}
	out := blameAnswer{Path: path, Commit: snap.Commit.String(), Lines: b.Lines, Complete: b.Complete, Hunks: make([]blameHunk, len(b.Hunks))}
	for i, h := range b.Hunks {
		c := b.Commits[h.Commit]
		out.Hunks[i] = blameHunk{StartLine: h.Start, EndLine: h.Start + h.Lines - 1, OriginalLine: h.Original, Open: h.Open,
			Commit: blameCommit{h.Commit.String(), c.Subject(), content.Date(c.Committer.When), c.Author.Name}}
		if h.Path != path {
			out.Hunks[i].OriginalPath = h.Path
		}
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}
