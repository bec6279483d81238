package hubapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const (
	quickDefault  = 5
	maxExclude    = 100
	maxQuickBody  = 64 << 10
	maxQuickLists = 50
)

// quicksearchRoutes find what somebody has begun to type.
func (a *API) quicksearchRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "quicksearch", Method: http.MethodGet, Path: "/api/quicksearch", Right: authz.Public, Handler: a.quicksearch},
		{ID: "postQuicksearch", Method: http.MethodPost, Path: "/api/quicksearch", Right: authz.Public, Handler: a.postQuicksearch},
		{ID: "getMcpSettings", Method: http.MethodGet, Path: "/api/settings/mcp", Right: authz.SignedIn, Handler: mcpSettings},
	}
}

// quickAnswer has the members of the Hub's; what is not built has no matches.
type quickAnswer struct {
	Q                string       `json:"q"`
	Models           []quickRepo  `json:"models"`
	ModelsCount      int64        `json:"modelsCount"`
	Datasets         []quickRepo  `json:"datasets"`
	DatasetsCount    int64        `json:"datasetsCount"`
	Spaces           []quickSpace `json:"spaces"`
	SpacesCount      int64        `json:"spacesCount"`
	Users            []quickUser  `json:"users"`
	Orgs             []quickOrg   `json:"orgs"`
	Papers           []struct{}   `json:"papers"`
	PapersCount      int64        `json:"papersCount"`
	Collections      []struct{}   `json:"collections"`
	CollectionsCount int64        `json:"collectionsCount"`
	Buckets          []struct{}   `json:"buckets"`
	BucketsCount     int64        `json:"bucketsCount"`
	Kernels          []struct{}   `json:"kernels"`
	KernelsCount     int64        `json:"kernelsCount"`
}

type quickRepo struct {
	ID             string  `json:"id"`
	Private        bool    `json:"private,omitempty"`
	TrendingWeight float64 `json:"trendingWeight"`
}

type quickSpace struct {
	quickRepo
	Emoji string `json:"emoji"`
}

type quickUser struct {
	ID        string `json:"_id"`
	User      string `json:"user"`
	Fullname  string `json:"fullname"`
	AvatarURL string `json:"avatarUrl"`
}

type quickOrg struct {
	ID        string `json:"_id"`
	Name      string `json:"name"`
	Fullname  string `json:"fullname"`
	AvatarURL string `json:"avatarUrl"`
}

// quickAsk is a checked request.
type quickAsk struct {
	quick   repo.Quick
	types   []string
	ownOrgs bool
	exclude map[string][]string // lower-case names by plural type
}

func (q quickAsk) wants(typ string) bool { return len(q.types) == 0 || slices.Contains(q.types, typ) }

func (a *API) quicksearch(w http.ResponseWriter, r *http.Request) error {
	return a.answerQuick(w, r, r.URL.Query())
}

// postQuicksearch takes the same in a body, for lists that are too long for an address, and beside it what the address says.
func (a *API) postQuicksearch(w http.ResponseWriter, r *http.Request) error {
	var body map[string]any
	if err := httpd.ReadJSON(w, r, maxQuickBody, &body); err != nil {
		return err
	}
	v := r.URL.Query()
	for name, value := range body {
		v.Del(name)
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, one := range list {
			switch one := one.(type) {
			case string:
				v.Add(name, one)
			case float64:
				v.Add(name, strconv.FormatFloat(one, 'f', -1, 64))
			case bool:
				v.Add(name, strconv.FormatBool(one))
			case nil:
			default:
				return errs.New(errs.Invalid, "%q must be a text or a list of texts", name)
			}
		}
	}
	return a.answerQuick(w, r, v)
}

func (a *API) answerQuick(w http.ResponseWriter, r *http.Request, v url.Values) error {
	ask, err := a.quickAsk(r, v)
	if err != nil {
		return err
	}
	out := quickAnswer{Q: ask.quick.Q, Models: []quickRepo{}, Datasets: []quickRepo{}, Spaces: []quickSpace{}, Users: []quickUser{}, Orgs: []quickOrg{},
		Papers: []struct{}{}, Collections: []struct{}{}, Buckets: []struct{}{}, Kernels: []struct{}{}}
	for _, typ := range hub.RepoTypes {
		if !ask.wants(string(typ)) {
			continue
		}
		if err := a.quickRepos(r, ask, typ, &out); err != nil {
			return err
		}
	}
	if err := a.quickPeople(r, ask, &out); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) quickRepos(r *http.Request, ask quickAsk, typ hub.RepoType, out *quickAnswer) error {
	q := ask.quick
	q.Type, q.Exclude = typ, ask.exclude[typ.Plural()]
	hits, err := a.Repos.Quicksearch(r.Context(), httpd.Of(r).Actor, q)
	if err != nil {
		return err
	}
	total := int64(len(hits))
	for _, h := range hits {
		total = max(total, h.Total)
		item := quickRepo{ID: h.ID().String(), Private: h.Visibility != hub.Public, TrendingWeight: h.Trending}
		switch typ {
		case hub.Model:
			out.Models = append(out.Models, item)
		case hub.Dataset:
			out.Datasets = append(out.Datasets, item)
		case hub.Space:
			out.Spaces = append(out.Spaces, quickSpace{item, spaceEmoji})
		}
	}
	*map[hub.RepoType]*int64{hub.Model: &out.ModelsCount, hub.Dataset: &out.DatasetsCount, hub.Space: &out.SpacesCount}[typ] = total
	return nil
}

func (a *API) quickPeople(r *http.Request, ask quickAsk, out *quickAnswer) error {
	st, member := httpd.Of(r), ""
	if ask.ownOrgs {
		member = st.Actor.UserID
	}
	for _, kind := range []account.Kind{account.KindUser, account.KindOrg} {
		if !ask.wants(string(kind)) || kind == account.KindOrg && ask.ownOrgs && member == "" {
			continue
		}
		list, err := a.Profiles.Search(r.Context(), kind, ask.quick.Q, member, ask.quick.Limit)
		if err != nil {
			return err
		}
		for _, s := range list {
			avatar := AvatarURL(st.Origin, s.Name)
			switch {
			case slices.Contains(ask.exclude[string(kind)+"s"], strings.ToLower(s.Name)):
			case kind == account.KindUser:
				out.Users = append(out.Users, quickUser{s.ID, s.Name, s.Fullname, avatar})
			default:
				out.Orgs = append(out.Orgs, quickOrg{s.ID, s.Name, s.Fullname, avatar})
			}
		}
	}
	return nil
}

// quickAsk reads the parameters. Those that say where the search is made from narrow nothing and are let through; a
// filter that Cairn has no data for is refused, since ignoring it would answer more than was asked for.
func (a *API) quickAsk(r *http.Request, v url.Values) (q quickAsk, err error) {
	q.quick = repo.Quick{Q: v.Get("q"), Namespace: v.Get("namespace"), Library: v.Get("library"), Limit: quickDefault, Pipelines: words(v["pipelines"])}
	if s := v.Get("limit"); s != "" {
		if q.quick.Limit, err = strconv.Atoi(s); err != nil || q.quick.Limit < 1 || q.quick.Limit > repo.MaxQuick {
			return q, errs.New(errs.Invalid, `"limit" must be a number from 1 to %d`, repo.MaxQuick)
		}
	}
	for _, name := range []string{"lang", "spacesTags"} {
		if v.Get(name) != "" {
			return q, errs.Unsupported("The filter %q is not supported by this hub", name)
		}
	}
	q.types = words(v["type"])
	if len(q.types) > maxQuickLists || len(q.quick.Pipelines) > maxQuickLists {
		return q, errs.New(errs.Invalid, "A list may have at most %d entries", maxQuickLists)
	}
	if q.exclude, err = excluded(v["exclude"]); err != nil {
		return q, err
	}
	return q, a.quickFilters(r, v, &q)
}

func (a *API) quickFilters(r *http.Request, v url.Values, q *quickAsk) error {
	for _, f := range words(v["orgsFilter"]) {
		if f != "own" {
			return errs.Unsupported("The filter of organizations %q is not supported by this hub", f)
		}
		q.ownOrgs = true
	}
	by := httpd.Of(r).Actor
	for _, f := range words(v["reposFilter"]) {
		switch f {
		case "skip_disabled":
			q.quick.Enabled = true
		case "skip_gated":
			q.quick.NotGated = true
		case "own", "own_orgs":
			if q.quick.Owned == nil {
				q.quick.Owned = []string{}
			}
			if by.Anonymous() || by.RepoID != "" {
				continue
			}
			if f == "own" {
				q.quick.Owned = append(q.quick.Owned, by.UserID)
				continue
			}
			orgs, err := a.Orgs.OrgsOf(r.Context(), by.UserID)
			if err != nil {
				return err
			}
			for _, o := range orgs {
				q.quick.Owned = append(q.quick.Owned, o.OrgID)
			}
		default:
			return errs.Unsupported("The filter of repositories %q is not supported by this hub", f)
		}
	}
	return nil
}

// excluded reads type/name, the type in the plural.
func excluded(list []string) (map[string][]string, error) {
	if len(list) > maxExclude {
		return nil, errs.New(errs.Invalid, `"exclude" may have at most %d entries`, maxExclude)
	}
	by := map[string][]string{}
	for _, e := range list {
		typ, name, ok := strings.Cut(e, "/")
		if !ok || len(name) > 2*repo.MaxName {
			return nil, errs.New(errs.Invalid, `"exclude" must have entries of the form models/namespace/name or users/name`)
		}
		by[typ] = append(by[typ], strings.ToLower(name))
	}
	return by, nil
}

type mcpAnswer struct {
	BuiltInTools []string   `json:"builtInTools"`
	SpaceTools   []struct{} `json:"spaceTools"`
}

// mcpSettings: no tools are offered to assistants here, and no Space runs that could be one.
func mcpSettings(w http.ResponseWriter, r *http.Request) error {
	return httpd.JSON(w, r, http.StatusOK, mcpAnswer{[]string{}, []struct{}{}})
}
