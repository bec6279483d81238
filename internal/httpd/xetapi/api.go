package xetapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Deps is what the door stands on.
type Deps struct {
	Store *xetstore.Store
	Gate  *Gate
	// Secret gives the hub's key of a name.
	Secret func(ctx context.Context, name string) ([]byte, error)
	// RevisionExists reports whether a repository has a branch, tag, ref or commit.
	RevisionExists func(ctx context.Context, r *repo.Repo, rev string) bool
	// TokenTTL and URLTTL are how long tokens and signed addresses hold at most; 0: 15 minutes.
	TokenTTL, URLTTL time.Duration
	// Direct has clients fetch from the store itself, where that makes URLs for them.
	Direct bool
	Log    *slog.Logger     // nil: slog.Default()
	Now    func() time.Time // nil: time.Now
}

const defaultTTL = 15 * time.Minute

// API serves the routes.
type API struct {
	Deps
	tokens *Signer
	urls   *Signer
}

// New reads the signing key, making it on the hub's first start.
func New(ctx context.Context, d Deps) (*API, error) {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.TokenTTL <= 0 {
		d.TokenTTL = defaultTTL
	}
	if d.URLTTL <= 0 {
		d.URLTTL = defaultTTL
	}
	key, err := d.Secret(ctx, "xet")
	if err != nil {
		return nil, err
	}
	return &API{Deps: d, tokens: NewSigner(key, "token"), urls: NewSigner(key, "data")}, nil
}

// Routes are the doors. The paths without a version, and in the singular, are those of older clients.
func (a *API) Routes() []httpd.Route {
	const hub = "/api/{repoType}/{namespace}/{repo}/"
	rts := []httpd.Route{
		{ID: "xetReadToken", Method: http.MethodGet, Path: hub + "xet-read-token/{rev}", Right: authz.RepoContent, Handler: a.readToken},
		{ID: "xetWriteToken", Method: http.MethodGet, Path: hub + "xet-write-token/{rev}", Right: authz.RepoWrite, Handler: a.writeToken},
		{ID: "shardUploadV2", Method: http.MethodPost, Path: "/v2/shards", Right: authz.XetWrite, Handler: a.shardV2},
		{ID: "reconstructionV2", Method: http.MethodGet, Path: "/v2/reconstructions/{hash}", Right: authz.XetRead, Handler: a.reconstructionV2},
		{ID: "fileHead", Method: http.MethodHead, Path: "/v1/files/{hash}", Right: authz.XetRead, Handler: a.fileHead},
		{ID: "xorbData", Method: http.MethodGet, Path: "/xet/data/{hash}", Right: authz.Signed, Policy: httpd.PolicyResolvers, Handler: a.data},
		{ID: "xorbData", Method: http.MethodHead, Path: "/xet/data/{hash}", Right: authz.Signed, Policy: httpd.PolicyResolvers, Handler: a.data},
		{ID: "xetTelemetry", Method: http.MethodPost, Path: "/v1/telemetry", Right: authz.Signed, Handler: telemetry},
		{ID: "shardUploadV1", Method: http.MethodPost, Path: "/shard/{prefix}/{hash}", Right: authz.XetWrite, Handler: a.shardV1},
		{ID: "shardUploadV1", Method: http.MethodPut, Path: "/shard/{prefix}/{hash}", Right: authz.XetWrite, Handler: a.shardV1},
	}
	for _, p := range []string{"/v1/xorbs", "/xorbs", "/xorb"} {
		rts = append(rts,
			httpd.Route{ID: "xorbUpload", Method: http.MethodPost, Path: p + "/{prefix}/{hash}", Right: authz.XetWrite, Handler: a.xorbUpload},
			httpd.Route{ID: "xorbHead", Method: http.MethodHead, Path: p + "/{prefix}/{hash}", Right: authz.XetRead, Handler: a.xorbHead})
	}
	for _, p := range []string{"/v1/chunks", "/chunks", "/chunk"} {
		rts = append(rts, httpd.Route{ID: "chunkDedup", Method: http.MethodGet, Path: p + "/{prefix}/{hash}", Right: authz.XetRead, Handler: a.chunkDedup})
	}
	for _, p := range []string{"/v1/reconstructions", "/reconstructions", "/reconstruction"} {
		rts = append(rts, httpd.Route{ID: "reconstructionV1", Method: http.MethodGet, Path: p + "/{hash}", Right: authz.XetRead, Handler: a.reconstructionV1})
	}
	for _, p := range []string{"/v1/shards", "/shards"} {
		rts = append(rts, httpd.Route{ID: "shardUploadV1", Method: http.MethodPost, Path: p, Right: authz.XetWrite, Handler: a.shardV1})
	}
	for i := range rts {
		if rts[i].ID != "xetReadToken" && rts[i].ID != "xetWriteToken" { // those are the Hub's side
			rts[i].Render = httpd.RenderText
		}
	}
	return rts
}

// pathHash reads the hash in the path.
func pathHash(r *http.Request) (xet.Hash, error) {
	h, err := xet.ParseHash(httpd.Param(r, "hash"))
	if err != nil {
		return h, errs.New(errs.Invalid, "The hash in the path must have 64 lower-case hex digits.")
	}
	return h, nil
}

// telemetry takes what clients measure and drops it.
func telemetry(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpd.ReadBody(w, r, 1<<20); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true})
}
