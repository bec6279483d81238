package httpd

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// State is what the transport knows about one request.
type State struct {
	ID     string        // the request id, answered as X-Request-Id and logged
	Route  *Route        // nil until routed
	Actor  hub.Actor     // zero: anonymous
	Repo   *repo.Repo    // set when the route names a repository
	Owner  account.Owner // set when the route's right is one on a user or an organisation
	Origin string        // scheme://host[:port] under which the client reached the hub, or the configured URL

	cause  event.Origin // of the events that the request causes
	status int
	errMsg string
	away   bool // see TurnAway
}

type (
	stateKey    struct{}
	exchangeKey struct{}
)

// Of gives the request's state. It is never nil behind New's handler.
func Of(r *http.Request) *State {
	s, _ := r.Context().Value(stateKey{}).(*State)
	return s
}

// Begun reports whether the answer's status has left: an error after it can only cut the answer.
func (s *State) Begun() bool { return s.status != 0 }

// exchange is what one request takes, in one piece of memory: a hub under load makes garbage for each of ten thousand
// requests a second. It is the request's context as well.
type exchange struct {
	context.Context
	st    State
	rec   recorder
	body  idleBody
	rc    http.ResponseController
	route *chi.Context
}

// Value answers the keys of this package, of events and of the router.
func (x *exchange) Value(key any) any {
	switch key {
	case stateKey{}:
		return &x.st
	case exchangeKey{}:
		return x
	case event.OriginKey{}:
		return &x.st.cause
	case chi.RouteCtxKey:
		if x.route != nil {
			return x.route
		}
	}
	return x.Context.Value(key)
}

// ActBy says who makes the request.
func (s *State) ActBy(a hub.Actor) {
	s.Actor = a
	s.cause.ActorID, s.cause.ActorName, s.cause.TokenID = a.UserID, a.Name, a.TokenID
}

// Addr is the client's address: the peer, or what a trusted proxy in front says.
func (s *State) Addr() netip.Addr {
	a, _ := netip.ParseAddr(s.cause.Addr)
	return a
}

// Param is a path parameter, percent-decoded once.
func Param(r *http.Request, name string) string {
	v, err := url.PathUnescape(chi.URLParam(r, name))
	if err != nil {
		return ""
	}
	return v
}

// Rest is the part of the path from its first free-form parameter on, still percent-encoded.
func Rest(r *http.Request) string { return chi.URLParam(r, "*") }

// Segment decodes the whole rest as one value (a branch or tag name, slashes raw or encoded).
func Segment(r *http.Request) (string, error) {
	return unescape(strings.TrimSuffix(Rest(r), "/"))
}

func unescape(s string) (string, error) {
	v, err := url.PathUnescape(s)
	if err != nil {
		return "", errs.New(errs.Invalid, "the path is not valid percent-encoding")
	}
	return v, nil
}

// RevPath splits the rest into the revision and the path behind it. A revision that is percent-encoded as one segment
// (refs%2Fpr%2F1) is taken whole; a raw one (refs/pr/1, refs/heads/a) takes as many segments as its form says, and a
// branch whose name holds slashes is found by exists, which is asked for longer and longer names.
func RevPath(r *http.Request, exists func(rev string) bool) (rev, path string, err error) {
	segs := strings.Split(Rest(r), "/")
	first, err := unescape(segs[0])
	if err != nil {
		return "", "", err
	}
	n := 1
	switch {
	case first == "refs" && len(segs) >= 3:
		n = longestRef(segs, 3, exists)
	case !strings.Contains(first, "/") && len(segs) > 1 && exists != nil && !exists(first):
		n = longestRef(segs, 1, exists)
	}
	if rev, err = unescape(strings.Join(segs[:n], "/")); err != nil {
		return "", "", err
	}
	if path, err = unescape(strings.Join(segs[n:], "/")); err != nil {
		return "", "", err
	}
	return rev, strings.TrimSuffix(path, "/"), nil
}

// maxRefSegments bounds how many names are tried for one raw revision.
const maxRefSegments = 8

// longestRef tries the first n segments, then more, and falls back to n.
func longestRef(segs []string, n int, exists func(string) bool) int {
	if exists == nil {
		return n
	}
	for k := n; k <= min(len(segs), n+maxRefSegments); k++ {
		if rev, err := unescape(strings.Join(segs[:k], "/")); err == nil && exists(rev) {
			return k
		}
	}
	return n
}
