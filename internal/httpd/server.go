package httpd

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Options are what the transport needs from the layers below and from the configuration.
type Options struct {
	Accounts       *account.Service
	Authz          *authz.Authorizer
	Repos          *repo.Service
	Log            *slog.Logger
	URL            string   // the hub's public URL; empty: taken from the request's host
	TrustedProxies []string // CIDRs whose X-Forwarded-* headers count
	RateLimit      RateLimit
	// Observe, when set, sees every finished exchange; tests bind answers to the contract with it.
	Observe func(rt *Route, next http.Handler) http.Handler
}

// Server is the hub's HTTP surface.
type Server struct {
	o       Options
	proxies proxyList
	limits  *limiter
	metrics *metrics
	routes  []Route
	mux     *chi.Mux
	rows    map[row]http.Handler
}

// row is where the router leads to.
type row struct{ method, pattern string }

// New builds the handler from the table. Two rows for one method and path are a programming error and panic.
func New(o Options, tables ...[]Route) (*Server, error) {
	proxies, err := parseProxies(o.TrustedProxies)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, proxies: proxies, limits: newLimiter(o.RateLimit), metrics: newMetrics(), mux: chi.NewMux(), rows: map[row]http.Handler{}}
	for _, t := range tables {
		s.routes = append(s.routes, t...)
	}
	for i := range s.routes {
		rt := &s.routes[i]
		key := row{rt.Method, rt.pattern()}
		if s.rows[key] != nil {
			return nil, fmt.Errorf("two routes for %s", key)
		}
		if rt.ID == "" || rt.Right == "" || rt.Handler == nil {
			return nil, fmt.Errorf("route %s lacks an id, a right or a handler", key)
		}
		if rt.ownerRight() && rt.OwnerParam() == "" {
			return nil, fmt.Errorf("route %s has the right %s and names no user or organisation", key, rt.Right)
		}
		s.rows[key] = s.serveRoute(rt)
		s.mux.Method(key.method, key.pattern, s.rows[key])
	}
	s.mux.NotFound(s.notFound)
	s.mux.MethodNotAllowed(s.methodNotAllowed)
	return s, nil
}

// Routes is the table, for the tests that bind it to the contract and to the access matrix.
func (s *Server) Routes() []Route { return s.routes }

// ServeHTTP puts the request's state in place, decodes the path in one place and routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{Context: r.Context(), rc: *http.NewResponseController(w)}
	x.st.ID = requestID(w.Header(), r, start)
	x.st.Origin = s.origin(r)
	x.st.cause.Addr, x.st.cause.UserAgent = s.clientAddr(r), r.UserAgent()
	if x.st.away = turnedAway(r); x.st.away {
		w.Header().Set("Connection", "close")
	}
	x.rec = recorder{ResponseWriter: w, st: &x.st}
	_ = x.rc.SetWriteDeadline(time.Time{}) // the answer before this one on the connection may have set its own
	x.body = idleBody{ReadCloser: r.Body, rc: &x.rc}
	r = r.WithContext(x)
	r.Body = &x.body
	// Route on the escaped path: a%2Fb and a/b are told apart here and nowhere else.
	r.URL.RawPath = r.URL.EscapedPath()
	defer s.finish(&x.rec, r, start)
	setCORS(w.Header())
	setHTTPSOnly(w.Header(), x.st.Origin)
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	s.dispatch(x, r)
}

var routings = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// dispatch finds the route as the router would, which copies the request and each of its parameters once more.
func (s *Server) dispatch(x *exchange, r *http.Request) {
	found := routings.Get().(*chi.Context)
	found.Reset()
	h := s.rows[row{r.Method, s.mux.Find(found, r.Method, r.URL.RawPath)}]
	if h == nil { // the router knows whether it is the path or the method that does not exist
		s.mux.ServeHTTP(&x.rec, r)
		return
	}
	x.route = found
	h.ServeHTTP(&x.rec, r)
	x.route = nil
	routings.Put(found)
}

// finish logs and counts, and turns a panic into a 500 that leaves the other requests alone.
func (s *Server) finish(rec *recorder, r *http.Request, start time.Time) {
	st := rec.st
	if p := recover(); p != nil {
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		s.o.Log.Error("panic", "request", st.ID, "panic", p, "stack", string(debug.Stack()))
		if st.status == 0 {
			s.fail(rec, r, &errs.Error{Kind: errs.Internal, Op: "panic", Msg: fmt.Sprint(p)})
		} else {
			defer panic(http.ErrAbortHandler) // half an answer must not look whole
		}
	}
	took := time.Since(start)
	s.metrics.observe(st, took)
	level := slog.LevelDebug
	switch {
	case st.status >= 500 && st.status != http.StatusNotImplemented:
		level = slog.LevelError
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		level = slog.LevelInfo
	}
	if !s.o.Log.Enabled(r.Context(), level) {
		return
	}
	id := "-"
	if st.Route != nil {
		id = st.Route.ID
	}
	s.o.Log.Log(r.Context(), level, "request", "request", st.ID, "method", r.Method, "path", withoutTokens(r.URL.Path), "operation", id,
		"status", st.status, "bytes", rec.bytes, "ms", took.Milliseconds(), "user", st.Actor.Name, "error", withoutTokens(st.errMsg))
}

var token = regexp.MustCompile(`hf_[A-Za-z0-9_]{16,}`)

// withoutTokens keeps tokens out of the log that somebody has pasted into an address.
func withoutTokens(s string) string {
	if !strings.Contains(s, "hf_") {
		return s
	}
	return token.ReplaceAllString(s, "hf_…")
}

// serveRoute is what happens for every route before its handler: who, how often, which repository, may they.
func (s *Server) serveRoute(rt *Route) http.Handler {
	if rt.Policy == "" {
		rt.Policy = PolicyAPI
	}
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := Of(r)
		st.Route = rt
		err := s.admit(w, r, rt)
		if err == nil {
			err = rt.Handler(w, r)
		}
		if err != nil {
			s.answer(w, r, err)
		}
	})
	if s.o.Observe != nil {
		h = s.o.Observe(rt, h)
	}
	return h
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, err error) {
	var to moved
	if asMoved(err, &to) {
		w.Header().Set("Location", string(to))
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if Of(r).Begun() { // the answer has begun: cut it, so that nobody takes it for whole
		Of(r).errMsg = err.Error()
		s.o.Log.Warn("answer cut", "request", Of(r).ID, "error", err)
		panic(http.ErrAbortHandler)
	}
	s.refuse(w, r, err)
}

// admit finds out who asks and whether they may.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, rt *Route) error {
	st := Of(r)
	if st.away && rt.Policy != PolicyNone {
		return errs.New(errs.Unavailable, "This hub has as many connections as it can serve, and none has ended for a while. Try again in a minute.")
	}
	if err := refuseInAddress(r); err != nil {
		return err
	}
	if !provesItself(rt) {
		actor, err := s.identify(r, rt)
		if err != nil {
			return err
		}
		st.ActBy(actor)
	}
	if s.limits.counts(rt.Policy) {
		if err := s.limits.admit(w.Header(), rt.Policy, s.client(r, st.Actor)); err != nil {
			return err
		}
	}
	if rt.namesRepo() {
		return s.admitRepo(r, rt)
	}
	if rt.ownerRight() {
		return s.admitOwner(r, rt)
	}
	return s.o.Authz.Site(st.Actor, rt.Right)
}

func (s *Server) identify(r *http.Request, rt *Route) (hub.Actor, error) {
	if rt.Identify != nil {
		if actor, ok, err := rt.Identify(r); ok || err != nil {
			return actor, err
		}
	}
	return s.actor(r)
}

// admitRepo looks the repository up and checks the route's right on it. What the caller may not see answers exactly as
// what is not there; an old name of what they may see redirects.
func (s *Server) admitRepo(r *http.Request, rt *Route) error {
	st := Of(r)
	id, ok := repoID(r, rt)
	if !ok {
		return errs.RepoNotFound()
	}
	rp, redirected, err := s.o.Repos.Find(r.Context(), nil, id)
	if err != nil {
		return err
	}
	if err := s.o.Authz.Repo(r.Context(), st.Actor, rp.Subject(), rt.Right); err != nil {
		return err
	}
	if redirected && !rt.NoMove {
		return moved(movedPath(r, id, rp.ID()))
	}
	st.Repo = rp
	return nil
}

// repoID reads the repository's id from the path.
func repoID(r *http.Request, rt *Route) (hub.RepoID, bool) {
	id := hub.RepoID{Type: hub.Model, Namespace: Param(r, "namespace"), Name: strings.TrimSuffix(Param(r, "repo"), ".git")}
	switch {
	case strings.Contains(rt.Path, "{repoType}"):
		id.Type, _ = hub.ParseRepoType(chi.URLParam(r, "repoType"))
	case strings.Contains(rt.Path, "/datasets/{namespace}"):
		id.Type = hub.Dataset
	case strings.Contains(rt.Path, "/spaces/{namespace}"):
		id.Type = hub.Space
	}
	return id, id.Namespace != "" && id.Name != "" && !strings.Contains(id.Namespace+id.Name, "/")
}
