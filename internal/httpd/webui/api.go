package webui

import (
	"net/http"
	"net/netip"
	"slices"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/oauth"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/verify"
)

// API serves the pages.
type API struct {
	Accounts *account.Service
	Authz    *authz.Authorizer
	Profiles *profile.Service
	Repos    *repo.Service
	Content  *content.Service
	Verify   *verify.Service
	OAuth    *oauth.Service
	Orgs     *org.Service
	SpoolDir string // where pictures wait to be read; empty: the system's folder
	// Addr is whom a login counts against: (*httpd.Server).Addr, set once the server exists. nil: the peer itself.
	Addr func(r *http.Request) netip.Addr
}

// Routes is the table.
func (a *API) Routes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	routes := []httpd.Route{
		{ID: "homePage", Method: get, Path: "/", Right: authz.Public, Handler: a.home},
		{ID: "listPage", Method: get, Path: "/models", Right: authz.Public, Handler: a.list},
		{ID: "listPage", Method: get, Path: "/datasets", Right: authz.Public, Handler: a.list},
		{ID: "listPage", Method: get, Path: "/spaces", Right: authz.Public, Handler: a.list},
		{ID: "namespacePage", Method: get, Path: "/{namespace}", Right: authz.Public, Handler: a.namespace},
		{ID: "followUserForm", Method: post, Path: "/users/{username}/follow", Right: authz.OwnerFollow, Handler: a.follow},
		{ID: "followOrganizationForm", Method: post, Path: "/organizations/{name}/follow", Right: authz.OwnerFollow, Handler: a.follow},
		{ID: "loginPage", Method: get, Path: "/login", Right: authz.Public, Handler: a.loginPage},
		{ID: "login", Method: post, Path: "/login", Right: authz.Public, Handler: a.login},
		{ID: "logout", Method: post, Path: "/logout", Right: authz.Public, Handler: a.logout},
		{ID: "avatar", Method: get, Path: "/avatars/{file}", Right: authz.Public, Policy: httpd.PolicyNone, Handler: a.avatar},
		{ID: "asset", Method: get, Path: "/assets/{path}", Right: authz.Public, Policy: httpd.PolicyNone, Handler: serveAsset},
	}
	routes = slices.Concat(routes, a.deviceRoutes(), a.settingsRoutes(), a.accountRoutes(), a.profileRoutes(), a.joinRoutes(), a.orgRoutes())
	for _, prefix := range []string{"", "/datasets", "/spaces"} {
		base := prefix + "/{namespace}/{repo}"
		routes = append(routes,
			httpd.Route{ID: "repoPage", Method: get, Path: base, Right: authz.RepoRead, Handler: a.repo},
			httpd.Route{ID: "likeForm", Method: post, Path: base + "/like", Right: authz.RepoLike, Handler: a.like},
			httpd.Route{ID: "treePage", Method: get, Path: base + "/tree/{rev}/{path}", Right: authz.RepoRead, Handler: a.tree},
			httpd.Route{ID: "blobPage", Method: get, Path: base + "/blob/{rev}/{path}", Right: authz.RepoContent, Handler: a.blob},
			httpd.Route{ID: "commitPage", Method: get, Path: base + "/commit/{rev}", Right: authz.RepoRead, Handler: a.commit})
	}
	for i := range routes {
		if routes[i].Policy == "" {
			routes[i].Policy = httpd.PolicyPages
		}
		routes[i].Render = RenderPage
	}
	return routes
}
