package webui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const onListPage = 40

type listPage struct {
	page
	Heading, Action        string
	Search, Filter, Author string
	Narrowed               bool
	Sorts                  []sortChoice
	Repos                  []repoCard
	FirstPath, NextPath    string
}

type sortChoice struct {
	Value, Label string
	Chosen       bool
}

var sortChoices = []sortChoice{
	{Value: "lastModified", Label: "Last changed"}, {Value: "createdAt", Label: "Newest"}, {Value: "trendingScore", Label: "Trending"},
	{Value: "downloads", Label: "Most downloads"}, {Value: "likes", Label: "Most likes"},
}

func (a *API) list(w http.ResponseWriter, r *http.Request) error {
	typ, _ := hub.ParseRepoType(strings.Trim(r.URL.Path, "/"))
	v := r.URL.Query()
	p := listPage{
		page: newPage(r, titles[typ]), Heading: titles[typ], Action: listPath(typ, nil),
		Search: v.Get("search"), Filter: v.Get("filter"), Author: v.Get("author"),
	}
	p.Section = typ.Plural()
	p.Narrowed = p.Filter != "" || p.Author != ""
	q := repo.Query{Type: typ, Author: p.Author, Sort: p.chooseSort(v.Get("sort")), Page: hub.Page{Limit: onListPage, Cursor: v.Get("cursor")}}
	if p.Search != "" {
		q.Search = []string{p.Search}
	}
	if p.Filter != "" {
		q.Filter = []string{p.Filter}
	}
	repos, next, err := a.shelf(r, q)
	if err != nil {
		return err
	}
	p.Repos = repos
	p.pages(typ, q, next)
	return write(w, r, http.StatusOK, "list", p)
}

func (p *listPage) chooseSort(asked string) string {
	sort := sortChoices[0].Value
	for _, c := range sortChoices {
		if c.Value == asked {
			sort = asked
		}
	}
	for _, c := range sortChoices {
		c.Chosen = c.Value == sort
		p.Sorts = append(p.Sorts, c)
	}
	return sort
}

// pages links to the first and the next page of the same question.
func (p *listPage) pages(typ hub.RepoType, q repo.Query, next string) {
	v := url.Values{"sort": {q.Sort}}
	for key, value := range map[string]string{"search": p.Search, "filter": p.Filter, "author": p.Author} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if q.Page.Cursor != "" {
		p.FirstPath = listPath(typ, v)
	}
	if next != "" {
		v.Set("cursor", next)
		p.NextPath = listPath(typ, v)
	}
}
