package webui

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const tagsShown = 24

// repoHead is what stands above each page of a repository.
type repoHead struct {
	Kind, Noun       string
	Namespace, Name  string
	NamespacePath    string
	Path, FilesPath  string
	Private          bool
	Gated            bool
	Disabled         bool
	Likes, Downloads int64
	Liked            bool   // by who looks
	LikePath         string // of the form; for who is not signed in, of the page to sign in
	SignedIn         bool
	Modified         time.Time
	Tags             []tagLink
	MoreTags         int
	Tab              string // card, files
}

type tagLink struct{ Name, Path string }

var (
	kinds = map[hub.RepoType]string{hub.Model: "Model", hub.Dataset: "Dataset", hub.Space: "Space"}
	nouns = map[hub.RepoType]string{hub.Model: "model", hub.Dataset: "dataset", hub.Space: "Space"}
)

func (a *API) head(r *http.Request, tab string) (repoHead, error) {
	rp := httpd.Of(r).Repo
	base := addressOf(rp.ID())
	h := repoHead{
		Kind: kinds[rp.Type], Noun: nouns[rp.Type], Namespace: rp.Namespace, Name: rp.Name, NamespacePath: "/" + escape(rp.Namespace),
		Path: string(base), FilesPath: base.tree(rp.DefaultBranch, ""), Private: rp.Private(), Gated: rp.Gated != "", Disabled: rp.Disabled,
		Likes: rp.Likes, Downloads: rp.Downloads, Modified: rp.Modified(), Tab: tab,
	}
	h.SignedIn, h.LikePath = true, string(base)+"/like"
	var err error
	if st := httpd.Of(r); st.Actor.Anonymous() {
		h.SignedIn, h.LikePath = false, signInPath(string(base))
	} else if h.Liked, err = a.Repos.Likes(r.Context(), st.Actor.UserID, rp); err != nil {
		return h, err
	}
	doc, err := a.Repos.Info(r.Context(), rp, repo.InfoOptions{Expand: []string{"tags"}})
	if err != nil {
		return h, err
	}
	var tags []string
	if raw, ok := doc["tags"].(json.RawMessage); ok {
		_ = json.Unmarshal(raw, &tags)
	}
	for i, tag := range tags {
		if i == tagsShown {
			h.MoreTags = len(tags) - i
			break
		}
		h.Tags = append(h.Tags, tagLink{clip(tag, 80), listPath(rp.Type, url.Values{"filter": {tag}})})
	}
	return h, nil
}

// repoPageOf is the frame of a repository's page.
func repoPageOf(r *http.Request, title string) page {
	rp := httpd.Of(r).Repo
	if title != "" {
		title += " · "
	}
	p := newPage(r, title+rp.ID().String())
	p.Section = rp.Type.Plural()
	return p
}
