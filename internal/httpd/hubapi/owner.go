package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
)

// ownerRoutes are the operations on users and organisations alike.
func (a *API) ownerRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "getOwnerType", Method: http.MethodGet, Path: "/api/users/{username}/type", Right: authz.OwnerRead, EitherOwner: true, Handler: ownerType},
	}
}

// sourceLocal says that an answer of the Settings API is about this hub's own users and organisations. Its parameter
// fallback, whether to ask another hub, changes nothing while there is none to ask.
const sourceLocal = "local"

type ownerTypeAnswer struct {
	Type   account.Kind `json:"type"`
	Source string       `json:"_source"`
}

func ownerType(w http.ResponseWriter, r *http.Request) error {
	return httpd.JSON(w, r, http.StatusOK, ownerTypeAnswer{httpd.Of(r).Owner.Kind, sourceLocal})
}
