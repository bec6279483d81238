package hubapi

import (
	"net/http"
	"slices"

	"golang.org/x/sync/semaphore"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/audit"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/oauth"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/release"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/verify"
)

// API serves the Hub's routes.
type API struct {
	Accounts *account.Service
	Authz    *authz.Authorizer
	Orgs     *org.Service
	Profiles *profile.Service
	Repos    *repo.Service
	Content  *content.Service
	Verify   *verify.Service
	Audit    *audit.Service
	Quota    *quota.Service
	Release  *release.Service
	OAuth    *oauth.Service
	Site     Site
	Limits   Limits
	// Client names who a request counts against.
	Client   func(r *http.Request) string
	SpoolDir string // folder for what a request sends before it is whole; empty: the system's

	lines   *semaphore.Weighted
	patches *httpd.Places
}

// Site is what the hub says of itself in whoami.
type Site struct {
	Name    string
	Version string
}

// Limits bound what one request may hold.
type Limits struct {
	CommitBody int64 // bytes of a commit's whole body
	CommitLine int64 // bytes of one line of it
}

// lineMemory bounds what all commits in flight hold of long lines together.
const lineMemory = 96 << 20

// How many comparisons are written at once, in all and to one client: each holds two versions of a file.
const (
	patchesAtOnce = 16
	patchesEach   = 4
)

// Routes is the table.
func (a *API) Routes() []httpd.Route {
	a.lines = semaphore.NewWeighted(lineMemory)
	a.patches = httpd.NewPlaces(patchesAtOnce, patchesEach)
	return slices.Concat(
		a.repoRoutes(), a.contentRoutes(), a.largeRoutes(),
		a.keyRoutes(), a.gpgKeyRoutes(), a.tokenRoutes(), a.registrationRoutes(), a.ownAccountRoutes(),
		a.ownerRoutes(),
		a.organizationRoutes(), a.invitationRoutes(),
		a.auditRoutes(),
		a.likeRoutes(), a.avatarRoutes(), a.quicksearchRoutes(), a.trendingRoutes(), a.followRoutes(), a.overviewRoutes(), a.profileRoutes(),
		a.storageRoutes(),
		[]httpd.Route{
			{ID: "whoami", Method: http.MethodGet, Path: "/api/whoami-v2", Right: authz.SignedIn, Handler: a.whoami},
			{ID: "telemetry", Method: http.MethodHead, Path: "/api/telemetry/{path}", Right: authz.Public, Handler: noContent},
		})
}

func noContent(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
