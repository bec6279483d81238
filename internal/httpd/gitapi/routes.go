package gitapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// API serves the routes.
type API struct {
	Copies  *gitstore.Copies
	Content *content.Service
	Authz   *authz.Authorizer
	Log     *slog.Logger
	Version string // told to clients as the agent
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

// The services that a client may ask for.
const (
	uploadService  = "git-upload-pack"
	receiveService = "git-receive-pack"
)

// infoRefs is a client's first request.
func (a *API) infoRefs(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	service := r.URL.Query().Get("service")
	switch service {
	case uploadService:
	case receiveService:
		if err := a.Authz.Repo(r.Context(), st.Actor, st.Repo.Subject(), authz.RepoWrite); err != nil {
			return err
		}
	case "":
		return errs.New(errs.Invalid, "This hub speaks git's smart protocol only: use git 1.6.6 or newer.")
	default:
		return errs.New(errs.Invalid, "This hub offers git-upload-pack and git-receive-pack, not %q.", service)
	}
	v2 := service == uploadService && version2(r)
	b := git.AppendFlush(git.AppendPkt(nil, "# service="+service+"\n"))
	ad := &git.Advertisement{Agent: a.agent()}
	if !v2 {
		var err error
		if ad, err = a.advertisement(r.Context(), st.Repo); err != nil {
			return err
		}
	}
	switch {
	case v2:
		b = append(b, ad.UploadV2()...)
	case service == uploadService:
		b = append(b, ad.Upload()...)
	default:
		b = append(b, ad.Receive()...)
	}
	return answer(w, "application/x-"+service+"-advertisement", b)
}

func (a *API) agent() string { return "cairn/" + a.Version }

func (a *API) advertisement(ctx context.Context, rp *repo.Repo) (*git.Advertisement, error) {
	tips, err := a.Copies.Tips(ctx, rp.RowID)
	if err != nil {
		return nil, err
	}
	return &git.Advertisement{Refs: tips.Refs, Head: headRef(rp), Agent: a.agent()}, nil
}

func headRef(rp *repo.Repo) string { return "refs/heads/" + rp.DefaultBranch }

// answer writes a whole answer.
func answer(w http.ResponseWriter, contentType string, b []byte) error {
	begin(w, contentType)
	_, err := w.Write(b)
	return err
}

// begin starts an answer that no cache may keep: refs move.
func begin(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	h.Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(http.StatusOK)
}
