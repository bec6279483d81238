package adminapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

// API serves the operator's routes.
type API struct {
	Ready   func(ctx context.Context) error // nil error: database and store answer
	Metrics func() http.Handler             // bound late: the server that counts is built from these routes
	Version string
	Key     []byte // proves that doctor asks
	JSON    func() []byte
	Text    func() []byte
	Hub     Hub
	Avatar  func(origin, name string) string // the address of a picture
}

// Routes is the table.
func (a *API) Routes() []httpd.Route {
	get := http.MethodGet
	return append(a.adminRoutes(), []httpd.Route{
		{ID: "health", Method: get, Path: "/healthz", Right: authz.Public, Policy: httpd.PolicyNone, Handler: a.health},
		{ID: "ready", Method: get, Path: "/readyz", Right: authz.Public, Policy: httpd.PolicyNone, Handler: a.ready},
		{ID: "bodyProbe", Method: http.MethodPost, Path: "/healthz/body", Right: authz.Signed, Policy: httpd.PolicyNone, Handler: a.bodyProbe},
		{ID: "metrics", Method: get, Path: "/metrics", Right: authz.SiteRead, Policy: httpd.PolicyNone, Handler: a.metrics},
		{ID: "openapiJson", Method: get, Path: "/.well-known/openapi.json", Right: authz.Public, Handler: document("application/json", a.JSON)},
		{ID: "openapiMarkdown", Method: get, Path: "/.well-known/openapi.md", Right: authz.Public, Handler: document("text/markdown; charset=utf-8", a.Text)},
	}...)
}

func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"status": "ok", "version": a.Version})
}

// readyTime bounds a readiness check: a store that hangs is not ready.
const readyTime = 5 * time.Second

func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		return &errs.Error{Kind: errs.Unavailable, Op: "ready", Msg: "Not ready: the database or the store does not answer. See the log.", Err: err}
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"status": "ready"})
}

func (a *API) metrics(w http.ResponseWriter, r *http.Request) error {
	a.Metrics().ServeHTTP(w, r)
	return nil
}

func document(contentType string, b func() []byte) httpd.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, err := w.Write(b())
		return err
	}
}

const maxProbe = 80 << 20

// bodyProbe counts a body, so that doctor sees whether a proxy in front lets a xorb through. The query proves that the
// asker holds the hub's key: ?t=<unix minute>&s=<hmac>.
func (a *API) bodyProbe(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	t, err := strconv.ParseInt(q.Get("t"), 10, 64)
	now := time.Now().Unix() / 60
	if err != nil || t < now-2 || t > now+2 || !hmac.Equal([]byte(q.Get("s")), []byte(ProbeSignature(a.Key, t))) {
		return errs.New(errs.Forbidden, "This address is for cairn doctor.")
	}
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxProbe))
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"bytes": n})
}

// ProbeSignature signs a minute for bodyProbe.
func ProbeSignature(key []byte, minute int64) string {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "body-probe %d", minute)
	return hex.EncodeToString(m.Sum(nil))
}
