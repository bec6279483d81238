package app

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/filelock"
	"github.com/cairnhub/cairn/internal/gitserve"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/adminapi"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/httpd/fileapi"
	"github.com/cairnhub/cairn/internal/httpd/gitapi"
	"github.com/cairnhub/cairn/internal/httpd/hubapi"
	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
	"github.com/cairnhub/cairn/internal/httpd/oauthapi"
	"github.com/cairnhub/cairn/internal/httpd/webui"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/verify"
)

// foundFiles bounds the memory of what addresses of files lead to, bytes of small ones included.
const foundFiles = 8 << 20

// Handler builds the hub's whole HTTP surface. observe, when not nil, sees every exchange; tests use it.
func (a *App) Handler(ctx context.Context, observe func(*httpd.Route, http.Handler) http.Handler) (*httpd.Server, error) {
	probe, err := a.accounts.Secret(ctx, probeSecret)
	if err != nil {
		return nil, err
	}
	var srv *httpd.Server
	files := &fileapi.API{Content: a.content, Count: func(r *http.Request, repoID string) { a.repos.CountDownload(repoID, srv.Client(r)) },
		Client: func(r *http.Request) string { return srv.Client(r) },
		Memo:   db.NewMemo[fileapi.Key](a.db, foundFiles, (*fileapi.Found).Weight)}
	signed := verify.New(a.accounts)
	hub := &hubapi.API{Accounts: a.accounts, Authz: a.authz, Profiles: a.profiles, Repos: a.repos, Content: a.content, Verify: signed, Audit: a.audit, Quota: a.quota,
		Orgs: a.orgs, Release: a.release, OAuth: a.oauth,
		Client: func(r *http.Request) string { return srv.Client(r) },
		Site:   hubapi.Site{Name: a.cfg.SiteName, Version: Version},
		Limits: hubapi.Limits{CommitBody: 2*a.cfg.Limits.CommitRegular + 64<<20, CommitLine: a.cfg.Limits.NDJSONLine}, SpoolDir: a.cfg.CacheDir}
	ops := &adminapi.API{Ready: a.Ready, Metrics: func() http.Handler { return srv.Metrics() }, Version: Version, Key: probe, JSON: contract.JSON, Text: contract.Markdown, Avatar: hubapi.AvatarURL,
		Hub: adminapi.Hub{Accounts: a.accounts, Orgs: a.orgs, Repos: a.repos, Quota: a.quota, Site: a.site, Jobs: a.jobs, Audit: a.audit}}
	xet, err := xetapi.New(ctx, xetapi.Deps{Store: a.xet, Gate: &xetapi.Gate{Actor: a.accounts.Present, Repos: a.repos, Authz: a.authz, Room: a.quota.Room, Now: a.db.Now}, Secret: a.accounts.Secret, RevisionExists: a.content.Known, TokenTTL: a.cfg.XetTokenTTL, URLTTL: a.cfg.SignedURLTTL, Direct: a.cfg.XetDirect, Log: a.log, Now: a.db.Now})
	if err != nil {
		return nil, err
	}
	large, err := lfsapi.New(ctx, lfsapi.Deps{Store: a.xet, Locks: filelock.New(a.db), Gate: xet.Gate, Offered: a.release.Offered, Authz: a.authz, Xet: xet, Secret: a.accounts.Secret, MaxObject: a.cfg.Limits.LargeFile, PartSize: a.cfg.LFS.PartSize, Now: a.db.Now})
	if err != nil {
		return nil, err
	}
	pages := &webui.API{Accounts: a.accounts, Authz: a.authz, Profiles: a.profiles, Repos: a.repos, Content: a.content, Verify: signed, OAuth: a.oauth, Orgs: a.orgs, SpoolDir: a.cfg.CacheDir}
	tokens := &oauthapi.API{OAuth: a.oauth, Accounts: a.accounts, Avatar: hubapi.AvatarURL, Addr: func(r *http.Request) netip.Addr { return srv.Addr(r) }}
	smart := &gitapi.API{Git: a.gitServer(), Authz: a.authz, Log: a.log}
	unserved, err := unservedRoutes()
	if err != nil {
		return nil, err
	}
	srv, err = httpd.New(httpd.Options{
		Accounts: a.accounts, Authz: a.authz, Repos: a.repos, Log: a.log, URL: a.cfg.URL, TrustedProxies: a.cfg.Proxies,
		RateLimit: a.rateLimit(), Observe: observe,
	}, hub.Routes(), files.Routes(), xet.Routes(), large.Routes(), pages.Routes(), tokens.Routes(), smart.Routes(), ops.Routes(), unserved)
	if err == nil {
		pages.Addr = srv.Addr
		srv.Registry().MustRegister(a.storageMetrics()...)
	}
	return srv, err
}

func (a *App) gitServer() *gitserve.Server {
	return &gitserve.Server{Copies: a.copies, Content: a.content, Version: Version}
}

func (a *App) rateLimit() httpd.RateLimit {
	l := a.cfg.RateLimit
	if !l.Enabled {
		return httpd.RateLimit{}
	}
	return httpd.RateLimit{Window: l.Window, Quota: map[httpd.Policy]int64{
		httpd.PolicyAPI: l.API, httpd.PolicyResolvers: l.Resolvers, httpd.PolicyPages: l.Pages}}
}

// unservedRoutes answer 501 for every operation of the Hub that Cairn does not serve, so that nobody takes a missing
// feature for a missing repository or, worse, for success.
func unservedRoutes() ([]httpd.Route, error) {
	ops, err := contract.HubOperations()
	if err != nil {
		return nil, err
	}
	var rts []httpd.Route
	for _, o := range ops {
		if o.Status == contract.Done {
			continue
		}
		rts = append(rts, httpd.Route{ID: contract.Unserved, Method: o.Method, Path: o.Pattern(), Right: authz.Public, Handler: unserved(o)})
	}
	return rts, nil
}

func unserved(o contract.HubOperation) httpd.Handler {
	return func(http.ResponseWriter, *http.Request) error {
		return errs.Unsupported("This hub does not serve %s %s. %s", o.Method, o.Path, o.Reason)
	}
}
