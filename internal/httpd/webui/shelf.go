package webui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// repoCard is a repository in a list.
type repoCard struct {
	Path, Namespace, Name string
	Kind                  string // task, library or SDK
	Private               bool
	Modified              time.Time
	Downloads, Likes      int64
}

// listed are the fields of a card, per type.
var listed = map[hub.RepoType][]string{
	hub.Model:   {"downloads", "lastModified", "library_name", "likes", "pipeline_tag", "private"},
	hub.Dataset: {"downloads", "lastModified", "likes", "private"},
	hub.Space:   {"lastModified", "likes", "private", "sdk"},
}

// shelf asks for a page of the repositories that the caller may see.
func (a *API) shelf(r *http.Request, q repo.Query) ([]repoCard, string, error) {
	q.Expand = listed[q.Type]
	items, next, err := a.Repos.List(r.Context(), httpd.Of(r).Actor, q)
	if err != nil {
		return nil, "", err
	}
	cards := make([]repoCard, len(items))
	for i, doc := range items {
		cards[i] = cardOf(q.Type, doc)
	}
	return cards, next, nil
}

func cardOf(typ hub.RepoType, doc repo.Document) repoCard {
	id, _ := doc["id"].(string)
	c := repoCard{}
	c.Namespace, c.Name, _ = strings.Cut(id, "/")
	c.Path = string(addressOf(hub.RepoID{Type: typ, Namespace: c.Namespace, Name: c.Name}))
	c.Private, _ = doc["private"].(bool)
	c.Downloads, _ = doc["downloads"].(int64)
	c.Likes, _ = doc["likes"].(int64)
	if s, ok := doc["lastModified"].(string); ok {
		c.Modified, _ = time.Parse(time.RFC3339, s)
	}
	for _, key := range []string{"pipeline_tag", "library_name", "sdk"} {
		if s, ok := doc[key].(string); ok && s != "" {
			c.Kind = clip(s, 60)
			break
		}
	}
	return c
}

var titles = map[hub.RepoType]string{hub.Model: "Models", hub.Dataset: "Datasets", hub.Space: "Spaces"}

// listPath is the page that lists a type, with a query.
func listPath(typ hub.RepoType, q url.Values) string {
	p := "/" + typ.Plural()
	if len(q) > 0 {
		p += "?" + q.Encode()
	}
	return p
}

// clip shortens a text to n runes.
func clip(s string, n int) string {
	count := 0
	for i := range s {
		if count == n {
			return s[:i] + "…"
		}
		count++
	}
	return s
}
