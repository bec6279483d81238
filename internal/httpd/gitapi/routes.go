package gitapi

import (
	"log/slog"
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitserve"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

// API serves the routes.
type API struct {
	Git   *gitserve.Server
	Authz *authz.Authorizer
	Log   *slog.Logger
}

// Routes are the doors under each type's prefix. A repository's name may end in .git.
func (a *API) Routes() []httpd.Route {
	var rts []httpd.Route
	for _, t := range hub.RepoTypes {
		base := "/" + t.Prefix() + "{namespace}/{repo}"
		rts = append(rts,
			httpd.Route{ID: "gitInfoRefs", Method: http.MethodGet, Path: base + "/info/refs", Right: authz.RepoContent, Handler: a.infoRefs},
			httpd.Route{ID: "gitUploadPack", Method: http.MethodPost, Path: base + "/git-upload-pack", Right: authz.RepoContent, Handler: a.uploadPack},
			httpd.Route{ID: "gitReceivePack", Method: http.MethodPost, Path: base + "/git-receive-pack", Right: authz.RepoWrite, Handler: a.receivePack})
	}
	for i := range rts {
		rts[i].Render = httpd.RenderText
	}
	return rts
}

// infoRefs is a client's first request.
func (a *API) infoRefs(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	service := r.URL.Query().Get("service")
	switch service {
	case gitserve.UploadPack:
	case gitserve.ReceivePack:
		if err := a.Authz.Repo(r.Context(), st.Actor, st.Repo.Subject(), authz.RepoWrite); err != nil {
			return err
		}
	case "":
		return errs.New(errs.Invalid, "This hub speaks git's smart protocol only: use git 1.6.6 or newer.")
	default:
		return errs.New(errs.Invalid, "This hub offers git-upload-pack and git-receive-pack, not %q.", service)
	}
	refs, err := a.Git.Advertise(r.Context(), st.Repo, service, version2(r))
	if err != nil {
		return err
	}
	begin(w, "application/x-"+service+"-advertisement")
	_, err = w.Write(append(git.AppendFlush(git.AppendPkt(nil, "# service="+service+"\n")), refs...))
	return err
}

// uploadPack serves ls-refs and fetches.
func (a *API) uploadPack(w http.ResponseWriter, r *http.Request) error {
	c, err := newClient(w, r, gitserve.UploadPack, gitserve.MaxFetchRequest)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	_, err = a.Git.Upload(r.Context(), st.Repo, version2(r), c)
	c.end()
	if err != nil && c.begun { // git has told the client, whose protocol shows where an answer is cut
		a.Log.Info("upload-pack ended early", "request", st.ID, "error", err)
		return nil
	}
	return c.finish(err)
}

// receivePack serves a push.
func (a *API) receivePack(w http.ResponseWriter, r *http.Request) error {
	c, err := newClient(w, r, gitserve.ReceivePack, gitstore.PushLimits.Bytes+gitserve.MaxPushCommands)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	err = a.Git.Receive(r.Context(), st.Actor, st.Repo, c)
	c.end()
	return c.finish(err)
}

func version2(r *http.Request) bool { return gitserve.Version2(r.Header.Get("Git-Protocol")) }

// begin starts an answer that no cache may keep: refs move.
func begin(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	h.Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(http.StatusOK)
}
