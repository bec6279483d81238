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
	if registryPath(r.URL.Path) {
		s.fail(w, r, errs.Unsupported(noRegistry))
		return
	}
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
	st.ActBy(actor)
	if oneSegmentID(r.URL.EscapedPath()) {
		s.fail(w, r, errs.RepoNotFound())
		return
	}
	s.fail(w, r, errs.New(errs.NotFound, "There is nothing at this address. See /.well-known/openapi.md for what is."))
}

// noRegistry is printed as it is by those who ask: Ollama, and llama.cpp before 2026.
const noRegistry = "This hub does not serve the registry that Ollama and older versions of llama.cpp pull from. " +
	"Use a newer llama.cpp, or download the file with hf download and give its path."

// registryPath recognises the addresses of an OCI registry: /v2/, /v2/{ns}/{repo}/manifests/{tag}, …/blobs/{digest}.
func registryPath(path string) bool {
	rest, under := strings.CutPrefix(path, "/v2/")
	return under && (rest == "" || strings.Contains(rest, "/manifests/") || strings.Contains(rest, "/blobs/"))
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
