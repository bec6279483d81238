package conformance

import (
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// step is one request of the story.
type step struct {
	op        string // as in the documents
	what      string // when an operation is asked for in several ways
	as        string // alice, bob, admin; "" is anonymous
	path      string // the address; what was told earlier stands in braces
	before    func(*world)
	example   bool // the body is the example of the Settings API
	body      any  // or this; a func(*world) any makes it
	headers   []string
	status    int  // 200
	anyStatus bool // the document says nothing of a status: any success
	image     bool // the answer is a JPEG that may be cached for a day
	check     func(*world, testhub.Answer)
}

// pending are operations that the documents have and the hub does not serve yet. It must be empty in the end.
var pending = setOf()

// refused are operations that answer 501 with the reason, which api/hub-operations.yaml holds.
var refused = setOf(
	"GET /api/settings/metrics/live",
	"GET /api/organizations/{name}/settings/network-security",
	"PATCH /api/organizations/{name}/settings/network-security",
	"POST /oauth/register",
)

// ours are members that Cairn adds to an answer and api/openapi.yaml documents, in the form of a schema.
var ours = map[string]any{}

func setOf(names ...string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

// must sends a request that prepares a step.
func (w *world) must(as, method, path string, body any) {
	w.Helper()
	w.h.JSON(w.people[as], method, path, body, nil)
}

// settle makes the people, the organisation and the repositories of the documents' examples.
func (w *world) settle() {
	w.people["admin"] = w.h.Admin
	w.people["alice"], w.people["bob"] = w.h.User("alice"), w.h.User("bob")
	w.h.Org("myorg", w.people["alice"], map[string]hub.Role{"bob": hub.RoleRead})
	for _, t := range []hub.RepoType{hub.Model, hub.Dataset, hub.Space} {
		w.h.CreateRepo(w.people["alice"], t, "myorg/my"+string(t), false)
	}
}
