package hubapi

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const (
	trendingDefault = 10
	trendingMost    = 20
)

// What a Space is shown with that says nothing of itself.
const (
	spaceEmoji = "🧱"
	spaceColor = "gray"
)

func (a *API) trendingRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "listTrending", Method: http.MethodGet, Path: "/api/trending", Right: authz.Public, Handler: a.trending},
	}
}

type trendingItem struct {
	RepoType hub.RepoType   `json:"repoType"`
	RepoData map[string]any `json:"repoData"`
}

// trending merges what trends most of each type.
func (a *API) trending(w http.ResponseWriter, r *http.Request) error {
	types, limit, err := trendingAsk(r)
	if err != nil {
		return err
	}
	var all []repo.Hit
	for _, typ := range types {
		hits, err := a.Repos.Trending(r.Context(), httpd.Of(r).Actor, typ, limit)
		if err != nil {
			return err
		}
		all = append(all, hits...)
	}
	slices.SortStableFunc(all, func(x, y repo.Hit) int {
		switch {
		case x.Trending > y.Trending:
			return -1
		case x.Trending < y.Trending:
			return 1
		}
		return 0
	})
	items := make([]trendingItem, min(len(all), limit))
	for i := range items {
		items[i] = trendingItem{all[i].Type, trendingData(all[i])}
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"recentlyTrending": items})
}

func trendingAsk(r *http.Request) ([]hub.RepoType, int, error) {
	q, types, limit := r.URL.Query(), hub.RepoTypes, trendingDefault
	switch t := q.Get("type"); t {
	case "", "all":
	case "model", "dataset", "space":
		types = []hub.RepoType{hub.RepoType(t)}
	default:
		return nil, 0, errs.New(errs.Invalid, `"type" must be one of [all, dataset, model, space]`)
	}
	if s := q.Get("limit"); s != "" {
		var err error
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > trendingMost {
			return nil, 0, errs.New(errs.Invalid, `"limit" must be a number from 1 to %d`, trendingMost)
		}
	}
	return types, limit, nil
}

// trendingData has the members that the Hub's schema demands of each type. Nothing runs here, so every Space is stopped.
func trendingData(h repo.Hit) map[string]any {
	d := map[string]any{"author": h.Namespace, "id": h.ID().String(), "isLikedByUser": h.Liked, "likes": h.Likes,
		"private": h.Visibility != hub.Public, "repoType": h.Type, "lastModified": content.Date(h.Modified())}
	if h.Type == hub.Space {
		d["createdAt"], d["title"], d["emoji"], d["colorFrom"], d["colorTo"] = content.Date(h.Created()), h.Name, spaceEmoji, spaceColor, spaceColor
		d["pinned"], d["featured"], d["disabled"], d["tags"], d["visibility"] = false, false, h.Disabled, []string{}, h.Visibility
		d["trendingScore"] = h.Trending
		d["runtime"] = map[string]any{"stage": "STOPPED", "hardware": map[string]any{"current": nil, "requested": nil}, "replicas": map[string]any{"requested": 1}}
		if h.SDK != "" {
			d["sdk"] = h.SDK
		}
		return d
	}
	d["downloads"], d["gated"] = h.Downloads, any(false)
	if h.Gated != "" {
		d["gated"] = h.Gated
	}
	if h.Type == hub.Model {
		d["availableInferenceProviders"] = []any{}
		if h.PipelineTag != "" {
			d["pipeline_tag"] = h.PipelineTag
		}
	}
	return d
}
