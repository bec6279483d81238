package hubapi

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

func (a *API) listRepos(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r)
	if err != nil {
		return err
	}
	items, next, err := a.Repos.List(r.Context(), httpd.Of(r).Actor, q)
	if err != nil {
		return err
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, items)
}

// sortAliases are the ways in which clients write a sort key.
var sortAliases = map[string]string{
	"trending": "trendingScore", "trending_score": "trendingScore", "last_modified": "lastModified", "created_at": "createdAt",
}

func listQuery(r *http.Request) (repo.Query, error) {
	v := r.URL.Query()
	if err := refuseFilters(v); err != nil {
		return repo.Query{}, err
	}
	typ, _ := hub.ParseRepoType(httpd.Param(r, "repoType"))
	page, err := httpd.PageOf(r, repo.DefaultLimit, repo.MaxLimit)
	if err != nil {
		return repo.Query{}, err
	}
	q := repo.Query{
		Type: typ, Page: page, Search: v["search"], Filter: append(v["filter"], v["tags"]...),
		Author: first(v, "author", "owner"), PipelineTag: first(v, "pipeline_tag", "task"), Library: v.Get("library"),
		Inference: first(v, "inference", "inference_provider") != "",
		Full:      httpd.Bool(r, "full"), CardData: httpd.Bool(r, "cardData"), Config: httpd.Bool(r, "config"), Expand: expandOf(v),
	}
	if q.Sort = v.Get("sort"); sortAliases[q.Sort] != "" {
		q.Sort = sortAliases[q.Sort]
	}
	if typ == hub.Space { // what a Space uses is among its tags
		for _, m := range words(v["models"]) {
			q.Filter = append(q.Filter, "model:"+m)
		}
		for _, d := range words(v["datasets"]) {
			q.Filter = append(q.Filter, "dataset:"+d)
		}
	}
	if q.Ascending, err = ascending(v.Get("direction"), q.Sort); err != nil {
		return q, err
	}
	q.Gated, err = optionalBool(v, "gated")
	return q, err
}

// refuseFilters says no to filters that Cairn has no data for: ignoring one would answer more than was asked for.
func refuseFilters(v url.Values) error {
	for _, name := range []string{"apps", "num_parameters", "linked"} {
		if s := v.Get(name); s != "" && s != "false" {
			return errs.Unsupported("The filter %q is not supported by this hub", name)
		}
	}
	return nil
}

// ascending reads direction: -1, the default but for ids, or 1.
func ascending(direction, sort string) (bool, error) {
	switch direction {
	case "":
		return sort == "id", nil
	case "-1":
		return false, nil
	case "1":
		return true, nil
	}
	return false, errs.New(errs.Invalid, `"direction" must be -1 or 1`)
}

func optionalBool(v url.Values, name string) (*bool, error) {
	yes, no := true, false
	switch v.Get(name) {
	case "":
		return nil, nil
	case "true", "True", "1":
		return &yes, nil
	case "false", "False", "0":
		return &no, nil
	}
	return nil, errs.New(errs.Invalid, "%q must be true or false", name)
}

func first(v url.Values, names ...string) string {
	for _, n := range names {
		if s := v.Get(n); s != "" {
			return s
		}
	}
	return ""
}
