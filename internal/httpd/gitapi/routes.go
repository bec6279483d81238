package gitapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

// Routes are the doors under each type's prefix. A repository's name may end in .git.
func Routes() []httpd.Route {
	var rts []httpd.Route
	for _, t := range hub.RepoTypes {
		base := "/" + t.Prefix() + "{namespace}/{repo}"
		rts = append(rts,
			httpd.Route{ID: "gitInfoRefs", Method: http.MethodGet, Path: base + "/info/refs", Right: authz.RepoContent, Handler: notYet},
			httpd.Route{ID: "gitUploadPack", Method: http.MethodPost, Path: base + "/git-upload-pack", Right: authz.RepoContent, Handler: notYet},
			httpd.Route{ID: "gitReceivePack", Method: http.MethodPost, Path: base + "/git-receive-pack", Right: authz.RepoWrite, Handler: notYet})
	}
	for i := range rts {
		rts[i].Render = httpd.RenderText
	}
	return rts
}

func notYet(http.ResponseWriter, *http.Request) error {
	return errs.Unsupported("Git clone and push are not built yet. Use hf download and hf upload.")
}
