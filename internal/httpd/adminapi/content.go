package adminapi

import (
	"context"
	"net/http"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
)

// contentRoutes are over organisations, repositories and what they may store. What organisations' admins and
// repositories' owners can do, administrators of the hub do by the same routes as they.
func (a *API) contentRoutes() []httpd.Route {
	get, post, put := http.MethodGet, http.MethodPost, http.MethodPut
	return []httpd.Route{
		{ID: "adminListOrganizations", Method: get, Path: "/organizations", Handler: a.listOrgs},
		{ID: "adminListRepos", Method: get, Path: "/repos", Handler: a.listRepos},
		{ID: "adminDisableRepo", Method: post, Path: "/repos/disable", Handler: a.shut(true)},
		{ID: "adminEnableRepo", Method: post, Path: "/repos/enable", Handler: a.shut(false)},
		{ID: "adminSetRepoQuota", Method: put, Path: "/repos/quota", Handler: a.setRepoQuota},
		{ID: "adminGetQuota", Method: get, Path: "/quotas/{owner}", Handler: a.getQuota},
		{ID: "adminSetQuota", Method: put, Path: "/quotas/{owner}", Handler: a.setQuota},
	}
}

type orgAnswer struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Fullname  string  `json:"fullname"`
	CreatedAt *string `json:"createdAt"`
}

func (a *API) listOrgs(w http.ResponseWriter, r *http.Request) error {
	p, err := httpd.PageOf(r, pageSize, 1000)
	if err != nil {
		return err
	}
	orgs, next, err := a.Hub.Orgs.List(r.Context(), p)
	if err != nil {
		return err
	}
	list := make([]orgAnswer, len(orgs))
	for i, o := range orgs {
		list[i] = orgAnswer{o.ID, o.Name, o.Fullname, date(o.CreatedAt)}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, list)
}

type repoAnswer struct {
	ID           string  `json:"_id"`
	Type         string  `json:"type"`
	Name         string  `json:"name"` // ns/name
	Visibility   string  `json:"visibility"`
	Disabled     bool    `json:"disabled"`
	UsedStorage  int64   `json:"usedStorage"`
	CreatedAt    *string `json:"createdAt"`
	LastModified *string `json:"lastModified"`
}

func (a *API) listRepos(w http.ResponseWriter, r *http.Request) (err error) {
	v := r.URL.Query()
	q := repo.OverviewQuery{Search: v.Get("search")}
	if t := v.Get("type"); t != "" {
		var ok bool
		if q.Type, ok = hub.ParseRepoType(t); !ok {
			return errs.New(errs.Invalid, "type must be model, dataset or space, not %q", t)
		}
	}
	if name := v.Get("author"); name != "" {
		o, err := a.Hub.Accounts.Namespace(r.Context(), nil, name)
		if err != nil {
			return err
		}
		q.OwnerID = o.ID
	}
	if q.Disabled, err = flag(r, "disabled"); err != nil {
		return err
	}
	if q.Page, err = httpd.PageOf(r, pageSize, repo.MaxLimit); err != nil {
		return err
	}
	repos, next, err := a.Hub.Repos.Overviews(r.Context(), q)
	if err != nil {
		return err
	}
	list := make([]repoAnswer, len(repos))
	for i, o := range repos {
		list[i] = repoAnswer{o.RowID, string(o.ID.Type), o.ID.String(), string(o.Visibility), o.Disabled, o.UsedStorage, date(o.CreatedAt), date(o.ModifiedAt)}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, list)
}

// named is a body that names a repository.
type named struct {
	Type string `json:"type"` // model when empty
	Name string `json:"name"` // ns/name
}

func (n named) id() (hub.RepoID, error) {
	typ, known := hub.ParseRepoType(n.Type)
	id, ok := hub.ParseRepoPath(n.Name)
	if !known || !ok || id.Type != hub.Model {
		return id, errs.New(errs.Invalid, `Name the repository by "type" (model, dataset, space) and "name" (namespace/name)`)
	}
	id.Type = typ
	return id, nil
}

func (a *API) shut(disabled bool) httpd.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in struct {
			named
			reason
		}
		if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
			return err
		}
		id, err := in.id()
		if err != nil {
			return err
		}
		return ok(w, r, a.Hub.Repos.SetDisabled(r.Context(), httpd.Of(r).Actor, id, disabled, in.Reason))
	}
}

func (a *API) setRepoQuota(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		named
		Limit *int64 `json:"limit"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	id, err := in.id()
	if err != nil {
		return err
	}
	rp, _, err := a.Hub.Repos.Find(r.Context(), nil, id)
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Quota.SetRepo(r.Context(), httpd.Of(r).Actor, rp.RowID, in.Limit))
}

type shareAnswer struct {
	Used  int64  `json:"used"`
	Limit *int64 `json:"limit"` // what holds; null: none
	Own   *int64 `json:"own"`   // null: the hub's default holds
}

type quotaAnswer struct {
	Private shareAnswer `json:"private"`
	Public  shareAnswer `json:"public"`
}

func shareOf(s quota.Share) shareAnswer {
	a := shareAnswer{Used: s.Used, Own: s.Own}
	if s.Limit >= 0 {
		a.Limit = &s.Limit
	}
	return a
}

func (a *API) getQuota(w http.ResponseWriter, r *http.Request) error {
	o, err := a.Hub.Accounts.Namespace(r.Context(), nil, httpd.Param(r, "owner"))
	if err != nil {
		return err
	}
	q, err := a.Hub.Quota.Of(r.Context(), o)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, quotaAnswer{shareOf(q.Private), shareOf(q.Public)})
}

// setQuota takes what is to change: a number of bytes, -1 for no limit, null for the hub's default.
func (a *API) setQuota(w http.ResponseWriter, r *http.Request) error {
	var in map[string]*int64
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	var c quota.Change
	c.Private, c.SetPrivate = in["private"]
	c.Public, c.SetPublic = in["public"]
	if !c.SetPrivate && !c.SetPublic || len(in) > 2 {
		return errs.New(errs.Invalid, `Give "private", "public" or both: bytes, -1 for no limit, null for the hub's default`)
	}
	if err := a.changeQuota(r.Context(), httpd.Of(r).Actor, httpd.Param(r, "owner"), c); err != nil {
		return err
	}
	return a.getQuota(w, r)
}

func (a *API) changeQuota(ctx context.Context, actor hub.Actor, name string, c quota.Change) error {
	o, err := a.Hub.Accounts.Namespace(ctx, nil, name)
	if err != nil {
		return err
	}
	return a.Hub.Quota.SetOwner(ctx, actor, o, c)
}
