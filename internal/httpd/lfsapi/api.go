package lfsapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/filelock"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Deps is what the door stands on.
type Deps struct {
	Store *xetstore.Store
	Gate  *xetapi.Gate
	// Offered is told of the files that a client was about to send and need not. nil: nobody is told.
	Offered func(ctx context.Context, repoID string, files []xet.Hash) error

	Authz *authz.Authorizer
	Xet   *xetapi.API
	Locks *filelock.Service
	// Secret gives the hub's key of a name.
	Secret func(ctx context.Context, name string) ([]byte, error)
	// MaxObject bounds the size of one object in bytes; 0: no bound.
	MaxObject int64
	// PartSize is the length in bytes of the parts of larger objects; 0: 64 MiB. At most 1000 parts are asked for, so those of
	// very large objects are longer.
	PartSize int64
	Now      func() time.Time // nil: time.Now
}

// API serves the routes.
type API struct {
	Deps
	signer      *xetapi.Signer
	credentials *Credentials
}

// New reads the signing key, making it on the hub's first start.
func New(ctx context.Context, d Deps) (*API, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	key, err := d.Secret(ctx, "lfs")
	if err != nil {
		return nil, err
	}
	credentials, err := OpenCredentials(ctx, d.Secret, d.Now)
	if err != nil {
		return nil, err
	}
	return &API{d, xetapi.NewSigner(key, "object"), credentials}, nil
}

// Routes are the doors under each type's prefix. A repository's name may end in .git.
func (a *API) Routes() []httpd.Route {
	rts := []httpd.Route{
		{ID: "lfsUpload", Method: http.MethodPut, Path: "/lfs/upload/{sha256}", Right: authz.Signed, Handler: a.upload},
		{ID: "lfsPart", Method: http.MethodPut, Path: "/lfs/part/{sha256}/{number}", Right: authz.Signed, Handler: a.uploadPart},
		{ID: "lfsComplete", Method: http.MethodPost, Path: "/lfs/complete/{sha256}", Right: authz.Signed, Handler: a.completeUpload},
		{ID: "lfsDownload", Method: http.MethodGet, Path: "/lfs/download/{sha256}", Right: authz.Signed, Policy: httpd.PolicyResolvers, Handler: a.download},
		{ID: "lfsDownload", Method: http.MethodHead, Path: "/lfs/download/{sha256}", Right: authz.Signed, Policy: httpd.PolicyResolvers, Handler: a.download},
	}
	for _, t := range hub.RepoTypes {
		base := "/" + t.Prefix() + "{namespace}/{repo}/info/lfs"
		rts = append(rts,
			httpd.Route{ID: "lfsBatch", Method: http.MethodPost, Path: base + "/objects/batch", Right: authz.RepoContent, NoMove: true, Handler: a.batch},
			httpd.Route{ID: "lfsVerify", Method: http.MethodPost, Path: base + "/objects/verify", Right: authz.RepoContent, NoMove: true, Handler: a.verify},
			httpd.Route{ID: "lfsLock", Method: http.MethodPost, Path: base + "/locks", Right: authz.RepoWrite, NoMove: true, Handler: a.createLock},
			httpd.Route{ID: "lfsLocks", Method: http.MethodGet, Path: base + "/locks", Right: authz.RepoRead, NoMove: true, Handler: a.listLocks},
			httpd.Route{ID: "lfsVerifyLocks", Method: http.MethodPost, Path: base + "/locks/verify", Right: authz.RepoWrite, NoMove: true, Handler: a.verifyLocks},
			httpd.Route{ID: "lfsUnlock", Method: http.MethodPost, Path: base + "/locks/{lock}/unlock", Right: authz.RepoWrite, NoMove: true, Handler: a.unlock})
	}
	for i := range rts {
		rts[i].Render = httpd.RenderLFS
	}
	return a.byCredential(rts)
}

// verify confirms that an upload has arrived.
func (a *API) verify(w http.ResponseWriter, r *http.Request) error {
	var p lfs.Pointer
	if err := httpd.ReadJSON(w, r, lfs.MaxBatch, &p); err != nil {
		return err
	}
	sha, err := p.SHA256()
	if err != nil {
		return err
	}
	whole, err := a.Store.FindWhole(r.Context(), nil, httpd.Of(r).Repo.RowID, []hub.SHA256{sha})
	if err != nil {
		return err
	}
	f, found := whole[sha]
	if !found {
		return errs.New(errs.NotFound, "The object is not here")
	}
	if f.Size != p.Size {
		return errs.New(errs.Unprocessable, "The object has another size")
	}
	return answer(w, struct{}{})
}

func answer(w http.ResponseWriter, v any) error { return answerStatus(w, http.StatusOK, v) }

func answerStatus(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", lfs.MediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err = w.Write(b)
	return err
}
