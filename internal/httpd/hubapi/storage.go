package hubapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// storageRoutes report what takes space. They name private repositories, so they are for who may change the settings of
// their owner.
func (a *API) storageRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "listMyStorage", Method: http.MethodGet, Path: "/api/settings/repositories", Right: authz.SignedIn, Handler: a.myStorage},
		{ID: "listOrgStorage", Method: http.MethodGet, Path: "/api/organizations/{name}/settings/repositories", Right: authz.OwnerSettingsRead, Handler: a.orgStorage},
		{ID: "getUserQuota", Method: http.MethodGet, Path: "/api/users/{username}/quota", Right: authz.OwnerMember, Handler: a.ownerQuota},
		{ID: "getOrgQuota", Method: http.MethodGet, Path: "/api/organizations/{name}/quota", Right: authz.OwnerMember, Handler: a.ownerQuota},
		{ID: "getRepoStorage", Method: http.MethodGet, Path: repoPath + "/storage", Right: authz.RepoWrite, Handler: a.repoStorage},
		{ID: "listStorageFiles", Method: http.MethodGet, Path: repoPath + "/storage/files", Right: authz.RepoWrite, Handler: a.storageFiles},
		{ID: "getRangeStorage", Method: http.MethodGet, Path: repoPath + "/storage/revisions", Right: authz.RepoWrite, Handler: a.rangeStorage},
	}
}

// storageItem is a repository with what it takes.
type storageItem struct {
	ID             string         `json:"id"`
	Type           hub.RepoType   `json:"type"`
	UpdatedAt      string         `json:"updatedAt"`
	Visibility     hub.Visibility `json:"visibility"`
	Storage        int64          `json:"storage"`        // bytes
	StoragePercent float64        `json:"storagePercent"` // of all that the owner stores
}

func (a *API) myStorage(w http.ResponseWriter, r *http.Request) error {
	actor := httpd.Of(r).Actor
	me := account.Owner{ID: actor.UserID, Kind: account.KindUser, Name: actor.Name}
	if err := a.Authz.Owner(r.Context(), actor, me, authz.OwnerSettingsRead); err != nil {
		return err
	}
	return a.storageOf(w, r, me)
}

func (a *API) orgStorage(w http.ResponseWriter, r *http.Request) error {
	return a.storageOf(w, r, httpd.Of(r).Owner)
}

func (a *API) storageOf(w http.ResponseWriter, r *http.Request, o account.Owner) error {
	q, err := storageQuery(r, o.ID)
	if err != nil {
		return err
	}
	uses, err := a.Quota.Of(r.Context(), o)
	if err != nil {
		return err
	}
	var list []*repo.Repo
	var next string
	if t := r.URL.Query().Get("type"); t == "" || q.Type != "" { // the Hub's other types have no repositories here
		if list, next, err = a.Repos.Storage(r.Context(), q); err != nil {
			return err
		}
	}
	out := make([]storageItem, len(list))
	for i, one := range list {
		out[i] = storageItem{ID: one.ID().String(), Type: one.Type, UpdatedAt: content.Date(time.UnixMicro(one.ModifiedAt)),
			Visibility: one.Visibility, Storage: one.UsedStorage, StoragePercent: percent(one.UsedStorage, uses.Private.Used+uses.Public.Used)}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}

func percent(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(100*float64(part)/float64(whole), 100)
}

func storageQuery(r *http.Request, ownerID string) (q repo.StorageQuery, err error) {
	v := r.URL.Query()
	q = repo.StorageQuery{OwnerID: ownerID, Search: v.Get("search")}
	if q.Page, err = httpd.PageOf(r, repo.DefaultLimit, repo.MaxLimit); err != nil {
		return q, err
	}
	for _, p := range []struct {
		name    string
		allowed []string
	}{
		{"type", []string{"model", "dataset", "space", "bucket", "kernel"}}, {"sort", []string{"storage", "updatedAt"}}, {"direction", []string{"asc", "desc"}},
	} {
		if s := v.Get(p.name); s != "" && !slices.Contains(p.allowed, s) {
			return q, errs.New(errs.Invalid, "%q must be one of %v", p.name, p.allowed)
		}
	}
	if t := hub.RepoType(v.Get("type")); slices.Contains(hub.RepoTypes, t) {
		q.Type = t
	}
	q.ByTime, q.Ascending = v.Get("sort") == "updatedAt", v.Get("direction") == "asc"
	return q, nil
}
