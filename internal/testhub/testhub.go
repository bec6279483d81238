// Package testhub runs a whole hub in the test's process, on both kinds of storage, and holds every answer to the
// published contract. It is for tests only and knows nothing that a user does not: requests go through HTTP.
package testhub

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

// Hub is a running hub.
type Hub struct {
	T      testing.TB
	App    *app.App
	Server *httpd.Server
	URL    string
	Admin  Caller // site administrator, user admin

	unchecked bool
	log       io.Writer // nil: warnings go to the test's output
	cfg       *config.Config
	now       func() time.Time
	ssh       sync.Once
	sshAddr   string
	sshKeys   []string
}

// Caller is somebody with a token; the zero value is anonymous.
type Caller struct {
	Name    string
	Token   string
	Session string // of the pages, instead of a token
}

// Each runs a test on SQLite with a folder and on PostgreSQL with S3.
func Each(t *testing.T, f func(t *testing.T, h *Hub)) {
	t.Helper()
	t.Run("sqlite+folder", func(t *testing.T) { f(t, New(t)) })
	t.Run("postgres+s3", func(t *testing.T) { f(t, NewScaled(t)) })
}

// New starts a hub on SQLite and a folder.
func New(t testing.TB, change ...func(*config.Config)) *Hub { return start(t, configure(t), change) }

// NewScaled starts a hub on PostgreSQL and S3.
func NewScaled(t testing.TB, change ...func(*config.Config)) *Hub {
	return start(t, configureScaled(t), change)
}

func configureScaled(t testing.TB) *config.Config {
	c := configure(t)
	c.DatabaseURL = dbtest.URL(t, db.Postgres)
	o := blobtest.S3(t)
	q := url.Values{"endpoint": {o.Endpoint}, "region": {o.Region}, "access_key": {o.AccessKey}, "secret_key": {o.SecretKey}}
	c.BlobURL = "s3://" + strings.TrimSuffix(o.Bucket+"/"+o.Prefix, "/") + "?" + q.Encode()
	return c
}

func configure(t testing.TB) *config.Config {
	c, err := config.Load(map[string]string{"data": t.TempDir()}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// NewLogged starts a hub like New's that writes everything it has to say, down to debug, to log.
func NewLogged(t testing.TB, log io.Writer, change ...func(*config.Config)) *Hub {
	t.Helper()
	c := configure(t)
	for _, f := range change {
		f(c)
	}
	return launch(&Hub{T: t, log: log}, c)
}

// NewUnchecked starts a hub like New's whose answers are not held to the contract, for measuring.
func NewUnchecked(t testing.TB) *Hub { return launch(&Hub{T: t, unchecked: true}, configure(t)) }

// NewAt starts a hub like New's, or with scaled like NewScaled's, by a clock of the test's.
func NewAt(t testing.TB, now func() time.Time, scaled bool) *Hub {
	t.Helper()
	c := configure
	if scaled {
		c = configureScaled
	}
	return launch(&Hub{T: t, now: now}, c(t))
}

func start(t testing.TB, c *config.Config, change []func(*config.Config)) *Hub {
	t.Helper()
	for _, f := range change {
		f(c)
	}
	return launch(&Hub{T: t}, c)
}

func launch(h *Hub, c *config.Config) *Hub {
	t := h.T
	t.Helper()
	h.cfg = c
	if h.now == nil {
		h.now = time.Now
	}
	a, err := app.OpenAt(t.Context(), c, h.logger(), h.now)
	if err != nil {
		t.Fatal(err)
	}
	h.App = a
	if h.Admin.Name == "" {
		first, err := a.Accounts().EnsureAdmin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h.Admin = Caller{Name: first.Name, Token: first.Token}
	}
	if h.Server, err = a.Handler(t.Context(), h.observer()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := a.Background(ctx)
	srv := httptest.NewServer(h.Server)
	h.URL = srv.URL
	t.Cleanup(func() {
		srv.Close()
		stop()
		<-done
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *Hub) logger() *slog.Logger {
	if h.log != nil {
		return slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(h.T.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// Node starts another process's worth of the same hub, on the same database and store with caches of its own.
func (h *Hub) Node() *Hub {
	h.T.Helper()
	c := *h.cfg
	c.CacheDir = h.T.TempDir()
	return launch(&Hub{T: h.T, Admin: h.Admin, unchecked: h.unchecked, now: h.now}, &c)
}

// CacheDir is the folder of what this node keeps.
func (h *Hub) CacheDir() string { return h.cfg.CacheDir }

func (h *Hub) observer() func(*httpd.Route, http.Handler) http.Handler {
	if h.unchecked {
		return nil
	}
	return h.observe
}

// observe fails the test when an answer is outside the contract.
func (h *Hub) observe(rt *httpd.Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := contract.Record(w)
		next.ServeHTTP(rec, r)
		if err := rec.Validate(rt.ID, r); err != nil {
			h.T.Errorf("outside the contract: %s %s (%s): %v", r.Method, r.URL.Path, rt.ID, err)
		}
	})
}

// User makes a user with a write token.
func (h *Hub) User(name string) Caller {
	h.T.Helper()
	u, err := h.App.Accounts().Create(h.T.Context(), account.NewUser{Name: name, Email: name + "@example.com", Password: "correct horse battery staple"})
	if err != nil {
		h.T.Fatal(err)
	}
	return Caller{Name: name, Token: h.Token(u.ID, hub.TokenWrite)}
}

// Session signs a user of User's in.
func (h *Hub) Session(name string) Caller {
	h.T.Helper()
	secret, err := h.App.Accounts().Login(h.T.Context(), name, "correct horse battery staple", account.Client{})
	if err != nil {
		h.T.Fatal(err)
	}
	return Caller{Name: name, Session: secret}
}

// Member makes a user without a password, which is quick, with a write token.
func (h *Hub) Member(name string, siteAdmin bool) Caller {
	h.T.Helper()
	u, err := h.App.Accounts().Create(h.T.Context(), account.NewUser{Name: name, SiteAdmin: siteAdmin})
	if err != nil {
		h.T.Fatal(err)
	}
	return Caller{Name: name, Token: h.Token(u.ID, hub.TokenWrite)}
}

// Token makes a token of a role for a user.
func (h *Hub) Token(userID string, role hub.TokenRole) string {
	h.T.Helper()
	value, _, err := h.App.Accounts().CreateToken(h.T.Context(), userID, account.NewToken{Name: "test-" + hub.NewID()[:6], Role: role})
	if err != nil {
		h.T.Fatal(err)
	}
	return value
}

// Org makes an organisation with the roles of its members.
func (h *Hub) Org(name string, admin Caller, members map[string]hub.Role) {
	h.T.Helper()
	u, err := h.App.Accounts().Get(h.T.Context(), admin.Name)
	if err != nil {
		h.T.Fatal(err)
	}
	o, err := h.App.Orgs().Create(h.T.Context(), org.NewOrg{Name: name, AdminID: u.ID})
	if err != nil {
		h.T.Fatal(err)
	}
	h.join(o.ID, members)
}

// Join gives people roles in an organisation.
func (h *Hub) Join(name string, members map[string]hub.Role) {
	h.T.Helper()
	o, err := h.App.Orgs().Get(h.T.Context(), name)
	if err != nil {
		h.T.Fatal(err)
	}
	h.join(o.ID, members)
}

func (h *Hub) join(orgID string, members map[string]hub.Role) {
	h.T.Helper()
	for user, role := range members {
		u, err := h.App.Accounts().Get(h.T.Context(), user)
		if err == nil {
			err = h.App.Orgs().SetMember(h.T.Context(), orgID, u.ID, role)
		}
		if err != nil {
			h.T.Fatal(err)
		}
	}
}

// Answer is a finished response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request. body is nil, a string, bytes, a reader, or a value that becomes JSON; headers come in pairs.
func (h *Hub) Do(c Caller, method, path string, body any, headers ...string) Answer {
	h.T.Helper()
	req, err := http.NewRequestWithContext(h.T.Context(), method, h.URL+path, reader(h.T, body))
	if err != nil {
		h.T.Fatal(err)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Session != "" {
		req.AddCookie(&http.Cookie{Name: httpd.SessionCookie, Value: c.Session})
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if _, ok := body.(string); !ok && body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		h.T.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.T.Fatalf("%s %s: %v", method, path, err)
	}
	return Answer{resp.StatusCode, resp.Header, b}
}

// client follows no redirect: tests look at them.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func reader(t testing.TB, body any) io.Reader {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(b)
	case []byte:
		return bytes.NewReader(b)
	case io.Reader:
		return b
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

// JSON is Do for an exchange that must succeed; the answer is decoded into out unless that is nil.
func (h *Hub) JSON(c Caller, method, path string, body, out any) Answer {
	h.T.Helper()
	a := h.Do(c, method, path, body)
	if a.Status >= 300 {
		h.T.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	if out != nil {
		if err := json.Unmarshal(a.Body, out); err != nil {
			h.T.Fatalf("%s %s: %v in %s", method, path, err, a.Body)
		}
	}
	return a
}

// CreateRepo makes a repository; id is ns/name.
func (h *Hub) CreateRepo(c Caller, t hub.RepoType, id string, private bool) {
	h.T.Helper()
	ns, name, _ := strings.Cut(id, "/")
	body := map[string]any{"name": name, "organization": ns, "type": t, "private": private}
	if t == hub.Space {
		body["sdk"] = "static"
	}
	h.JSON(c, http.MethodPost, "/api/repos/create", body, nil)
}

// Commit adds files to a branch and returns the commit's id.
func (h *Hub) Commit(c Caller, t hub.RepoType, id, branch string, files map[string]string) string {
	h.T.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	line := func(key string, value map[string]any) { _ = enc.Encode(map[string]any{"key": key, "value": value}) }
	line("header", map[string]any{"summary": "test"})
	for path, text := range files {
		line("file", map[string]any{"path": path, "content": text, "encoding": "utf-8"})
	}
	var out struct{ CommitOid string }
	a := h.Do(c, http.MethodPost, "/api/"+t.Plural()+"/"+id+"/commit/"+url.PathEscape(branch), b.String(), "Content-Type", "application/x-ndjson")
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &out) != nil {
		h.T.Fatalf("commit: %d %s", a.Status, a.Body)
	}
	return out.CommitOid
}
