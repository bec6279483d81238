package httpd

import (
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// notFound answers what no route takes. Ids of one segment ("gpt2") are repositories that cannot exist here, so clients
// get the answer that they know for a missing one.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	st := Of(r)
	if casPath(r.URL.Path) {
		// A Xet token is not an access token, and clients take 404 for "this server speaks an older protocol".
		st.Route = &Route{ID: "none", Render: RenderText}
		s.fail(w, r, errs.New(errs.NotFound, "This server does not have this part of the Xet protocol."))
		return
	}
	actor, err := s.actor(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	st.Actor = actor
	if oneSegmentID(r.URL.EscapedPath()) {
		s.fail(w, r, errs.RepoNotFound())
		return
	}
	s.fail(w, r, errs.New(errs.NotFound, "There is nothing at this address. See /.well-known/openapi.md for what is."))
}

// casPath recognises the addresses of the Xet protocol.
func casPath(path string) bool {
	return strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v2/")
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Error-Message", "This address does not take the method "+headerText(r.Method)+".")
	RenderHub(w, r, http.StatusMethodNotAllowed, errs.New(errs.Invalid, "This address does not take the method %s.", headerText(r.Method)))
}

// oneSegmentID recognises /api/models/gpt2[/…] and /gpt2/resolve/….
func oneSegmentID(path string) bool {
	segs := strings.Split(strings.Trim(path, "/"), "/")
	if len(segs) >= 3 && segs[0] == "api" {
		_, ok := hub.ParseRepoType(segs[1])
		return ok && segs[1] != ""
	}
	if len(segs) > 1 && (segs[0] == "datasets" || segs[0] == "spaces") {
		segs = segs[1:]
	}
	return len(segs) >= 3 && (segs[1] == "resolve" || segs[1] == "raw")
}
