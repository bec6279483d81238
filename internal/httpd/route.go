package httpd

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/hub"
)

// Handler serves one route. It returns an error instead of rendering it.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is a row of the table that is Cairn's whole HTTP surface.
type Route struct {
	ID     string      // operationId in api/openapi.yaml; may repeat for the prefixes and aliases of one operation
	Method string      // one method
	Path   string      // in OpenAPI's notation: /api/{repoType}/{namespace}/{repo}/tree/{rev}/{path}
	Right  authz.Right // checked before Handler runs, on the repository, user or organisation that the path names if it names one
	Policy Policy      // the rate limit that the route counts against; PolicyAPI if empty
	Render Renderer    // how errors look; RenderHub if nil
	// Identify finds who asks by a proof that this route takes beside the hub's own; not ok: the request has none.
	Identify func(r *http.Request) (actor hub.Actor, ok bool, err error)
	NoMove   bool // answer a moved repository as if under its new name instead of a redirect
	// EitherOwner says that the name behind /api/users/ may be an organisation's as well.
	EitherOwner bool
	Handler     Handler
}

// Policy names a rate limit as the Hub's headers do.
type Policy string

// The policies.
const (
	PolicyAPI       Policy = "api"
	PolicyResolvers Policy = "resolvers"
	PolicyPages     Policy = "pages"
	PolicyNone      Policy = "none"
)

// A parameter from which on the path is kept as it came, because revisions and file names may hold slashes,
// written raw or as %2F. Rest gives it to the handler.
var restParam = regexp.MustCompile(`\{(rev|path|compare|branch|tag|archive)\}.*$`)

// pattern turns an OpenAPI path into chi's.
func (rt Route) pattern() string {
	p := restParam.ReplaceAllString(rt.Path, "*")
	p = strings.Replace(p, "{repoType}", "{repoType:(models|datasets|spaces)}", 1)
	return p
}

// namesRepo reports whether the path names a repository, which then is looked up and its right checked.
func (rt Route) namesRepo() bool { return strings.Contains(rt.Path, "{repo}") }
