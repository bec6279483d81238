package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
)

const repoPath = "/api/{repoType}/{namespace}/{repo}"

// contentRoutes are the operations on a repository's files, history and refs.
func (a *API) contentRoutes() []httpd.Route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	return []httpd.Route{
		{ID: "listTree", Method: get, Path: repoPath + "/tree/{rev}/{path}", Right: authz.RepoRead, Handler: a.tree},
		{ID: "pathsInfo", Method: post, Path: repoPath + "/paths-info/{rev}", Right: authz.RepoRead, Handler: a.pathsInfo},
		{ID: "treeSize", Method: get, Path: repoPath + "/treesize/{rev}/{path}", Right: authz.RepoRead, Handler: a.treeSize},
		{ID: "listRefs", Method: get, Path: repoPath + "/refs", Right: authz.RepoRead, Handler: a.refs},
		{ID: "listCommits", Method: get, Path: repoPath + "/commits/{rev}/{path}", Right: authz.RepoRead, Handler: a.commits},
		{ID: "getCommit", Method: get, Path: repoPath + "/commit/{rev}", Right: authz.RepoContent, Handler: a.showCommit},
		{ID: "blameFile", Method: get, Path: repoPath + "/blame/{rev}/{path}", Right: authz.RepoContent, Handler: a.blame},
		{ID: "compareRevisions", Method: get, Path: repoPath + "/compare/{compare}", Right: authz.RepoContent, Handler: a.compare},
		{ID: "preupload", Method: post, Path: repoPath + "/preupload/{rev}", Right: authz.RepoWrite, Handler: a.preupload},
		{ID: "commit", Method: post, Path: repoPath + "/commit/{rev}", Right: authz.RepoWrite, Handler: a.commit},
		{ID: "createBranch", Method: post, Path: repoPath + "/branch/{branch}", Right: authz.RepoWrite, Handler: a.createBranch},
		{ID: "deleteBranch", Method: del, Path: repoPath + "/branch/{branch}", Right: authz.RepoWrite, Handler: a.deleteBranch},
		{ID: "createTag", Method: post, Path: repoPath + "/tag/{rev}", Right: authz.RepoWrite, Handler: a.createTag},
		{ID: "deleteTag", Method: del, Path: repoPath + "/tag/{rev}", Right: authz.RepoWrite, Handler: a.deleteTag},
		{ID: "superSquash", Method: post, Path: repoPath + "/super-squash/{rev}", Right: authz.RepoWrite, Handler: a.superSquash},
		{ID: "mergeBranch", Method: post, Path: repoPath + "/merge/{rev}", Right: authz.RepoWrite, Handler: a.mergeBranch},
		{ID: "revertCommit", Method: post, Path: repoPath + "/revert/{rev}", Right: authz.RepoWrite, Handler: a.revertCommit},
		{ID: "cherryPickCommit", Method: post, Path: repoPath + "/cherry-pick/{rev}", Right: authz.RepoWrite, Handler: a.cherryPick},
		{ID: "resetBranch", Method: post, Path: repoPath + "/reset/{rev}", Right: authz.RepoWrite, Handler: a.resetBranch},
	}
}
