package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
)

// repoRoutes are the operations on repositories as a whole. Those under /api/repos name theirs in the body, so their
// rights are checked by package repo.
func (a *API) repoRoutes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	return []httpd.Route{
		{ID: "createRepo", Method: post, Path: "/api/repos/create", Right: authz.WriteBody, Handler: a.createRepo},
		{ID: "deleteRepo", Method: http.MethodDelete, Path: "/api/repos/delete", Right: authz.WriteBody, Handler: a.deleteRepo},
		{ID: "moveRepo", Method: post, Path: "/api/repos/move", Right: authz.WriteBody, Handler: a.moveRepo},
		{ID: "duplicateRepo", Method: post, Path: repoPath + "/duplicate", Right: authz.RepoContent, Handler: a.duplicateRepo},
		{ID: "updateRepoSettings", Method: http.MethodPut, Path: repoPath + "/settings", Right: authz.RepoSettings, Handler: a.setRepoSettings},
		{ID: "getRepoLFSSettings", Method: get, Path: repoPath + "/settings/lfs", Right: authz.RepoSettings, Handler: a.lfsSettings},
		{ID: "authCheck", Method: get, Path: repoPath + "/auth-check", Right: authz.RepoContent, Handler: allowed},
		{ID: "authCheckWrite", Method: get, Path: repoPath + "/auth-check/write", Right: authz.RepoWrite, Handler: allowed},
		{ID: "listRepos", Method: get, Path: "/api/{repoType}", Right: authz.Public, Handler: a.listRepos},
		{ID: "getRepo", Method: get, Path: repoPath, Right: authz.RepoRead, Handler: a.repoInfo},
		{ID: "getRepoRevision", Method: get, Path: repoPath + "/revision/{rev}", Right: authz.RepoRead, Handler: a.repoRevision},
		{ID: "listModelTags", Method: get, Path: "/api/models-tags-by-type", Right: authz.Public, Handler: a.modelTags},
		{ID: "listDatasetTags", Method: get, Path: "/api/datasets-tags-by-type", Right: authz.Public, Handler: a.datasetTags},
		{ID: "validateYaml", Method: post, Path: "/api/validate-yaml", Right: authz.Public, Handler: a.validateYAML},
	}
}

// allowed answers that the route's right, checked before, is there.
func allowed(w http.ResponseWriter, r *http.Request) error {
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}
