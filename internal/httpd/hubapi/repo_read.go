package hubapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

func (a *API) repoInfo(w http.ResponseWriter, r *http.Request) error {
	return a.info(w, r, "")
}

func (a *API) repoRevision(w http.ResponseWriter, r *http.Request) error {
	snap, err := a.atWhole(r)
	if err != nil {
		return err
	}
	return a.info(w, r, snap.Commit.String())
}

func (a *API) info(w http.ResponseWriter, r *http.Request, commit string) error {
	doc, err := a.Repos.InfoJSON(r.Context(), httpd.Of(r).Repo, repo.InfoOptions{
		Commit: commit, Expand: expandOf(r.URL.Query()), Blobs: httpd.Bool(r, "blobs"), SecurityStatus: httpd.Bool(r, "securityStatus"),
	})
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, doc)
}

// expandOf reads expand=a&expand=b, expand[]=a and expand=a,b.
func expandOf(q url.Values) []string {
	return words(append(append([]string{}, q["expand"]...), q["expand[]"]...))
}

// words splits values at commas and drops empty ones.
func words(values []string) []string {
	var out []string
	for _, v := range values {
		for w := range strings.SplitSeq(v, ",") {
			if w = strings.TrimSpace(w); w != "" {
				out = append(out, w)
			}
		}
	}
	return out
}

func (a *API) modelTags(w http.ResponseWriter, r *http.Request) error {
	return a.tags(w, r, hub.Model)
}

func (a *API) datasetTags(w http.ResponseWriter, r *http.Request) error {
	return a.tags(w, r, hub.Dataset)
}

func (a *API) tags(w http.ResponseWriter, r *http.Request, typ hub.RepoType) error {
	tags, err := a.Repos.TagsByType(r.Context(), typ, r.URL.Query().Get("type"))
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, tags)
}

// maxReadme bounds the card that is validated; a commit accepts no larger one either.
const maxReadme = 4 << 20

// validateYAML checks a README before it is committed. It answers the same object whether the card is good or not: the
// status tells which.
func (a *API) validateYAML(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Content  *string `json:"content"`
		RepoType string  `json:"repoType"`
	}
	if err := httpd.ReadJSON(w, r, maxReadme, &b); err != nil {
		return err
	}
	typ, err := repoType(b.RepoType)
	if err != nil {
		return err
	}
	if b.Content == nil {
		return errs.New(errs.Invalid, `"content" is missing`)
	}
	_, problems, warnings := card.Parse([]byte(*b.Content), typ)
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusBadRequest
		w.Header().Set("X-Error-Message", "The metadata of the card is invalid")
	}
	return httpd.JSON(w, r, status, map[string]any{
		"errors": append([]card.Problem{}, problems...), "warnings": append([]card.Problem{}, warnings...),
	})
}
