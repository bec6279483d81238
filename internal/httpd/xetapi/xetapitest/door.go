package xetapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/filelock"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// MaxObject is the bound on LFS objects.
const MaxObject = 64 << 20

// PartSize is the length of LFS parts.
const PartSize = 1 << 20

// Door is a server with the Xet and LFS doors.
type Door struct {
	*xetstoretest.Env
	T        testing.TB
	URL      string
	Accounts *account.Service
	Orgs     *org.Service

	skew atomic.Int64 // how far the doors' clock is ahead
}

// User is somebody with a write token.
type User struct{ ID, Name, Token, ReadToken string }

// Each runs a test on SQLite with a folder and on PostgreSQL with S3.
func Each(t *testing.T, test func(t *testing.T, d *Door)) {
	xetstoretest.Each(t, func(t *testing.T, e *xetstoretest.Env) { test(t, open(t, e, true)) })
}

// Sqlite opens the doors on SQLite and a folder.
func Sqlite(t *testing.T) *Door {
	return open(t, xetstoretest.New(t, dbtest.New(t, db.SQLite), blobtest.FS(t)), true)
}

// On opens the doors on a store.
func On(t *testing.T, e *xetstoretest.Env) *Door { return open(t, e, true) }

// OnS3 opens the doors on SQLite and S3, and has clients fetch from there.
func OnS3(t *testing.T) *Door {
	return open(t, xetstoretest.New(t, dbtest.New(t, db.SQLite), blobtest.NewCached(t)), true, func(d *xetapi.Deps) { d.Direct = true })
}

// Bench makes a door that nobody looks on.
func Bench(b *testing.B, e *xetstoretest.Env) *Door {
	b.Helper()
	return open(b, e, false)
}

func open(t testing.TB, e *xetstoretest.Env, observed bool, change ...func(*xetapi.Deps)) *Door {
	d := &Door{Env: e, T: t, Accounts: account.New(e.DB, account.Options{}), Orgs: org.New(e.DB)}
	t.Cleanup(func() { _ = d.Accounts.Close() })
	az := authz.New(e.DB)
	repos := repo.New(repo.Deps{DB: e.DB, Authz: az})
	gate := &xetapi.Gate{Actor: d.actor, Repos: repos, Authz: az, Now: d.now}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	deps := xetapi.Deps{
		Store: e.Store, Gate: gate, Secret: d.Accounts.Secret, Log: log, Now: d.now,
		RevisionExists: func(_ context.Context, _ *repo.Repo, rev string) bool { return rev == "main" || rev == "refs/pr/1" },
	}
	for _, f := range change {
		f(&deps)
	}
	x, err := xetapi.New(t.Context(), deps)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lfsapi.New(t.Context(), lfsapi.Deps{
		Store: e.Store, Gate: gate, Authz: az, Xet: x, Locks: filelock.New(e.DB), Secret: d.Accounts.Secret, MaxObject: MaxObject, PartSize: PartSize, Now: d.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	o := httpd.Options{Accounts: d.Accounts, Authz: az, Repos: repos, Log: log}
	if observed {
		o.Observe = d.observe
	}
	srv, err := httpd.New(o, x.Routes(), l.Routes())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(srv)
	t.Cleanup(s.Close)
	d.URL = s.URL
	return d
}

func (d *Door) now() time.Time { return time.Now().Add(time.Duration(d.skew.Load())) }

// Later moves the doors' clock.
func (d *Door) Later(by time.Duration) { d.skew.Add(int64(by)) }

// actor is what accounts tell about a user and a token at this moment.
func (d *Door) actor(ctx context.Context, userID, tokenID string) (hub.Actor, error) {
	a := hub.Actor{UserID: userID, TokenID: tokenID}
	var row struct {
		Name      string
		SiteAdmin bool `db:"site_admin"`
		Role      string
	}
	err := d.DB.Get(ctx, &row, `SELECT u.name, u.site_admin, COALESCE(t.role, '') AS role FROM users u LEFT JOIN token t ON t.user_id = u.id AND t.id = ? AND t.revoked_at IS NULL
		WHERE u.id = ? AND u.disabled_at IS NULL`, tokenID, userID)
	if db.IsNoRows(err) || err == nil && tokenID != "" && row.Role == "" {
		return hub.Actor{}, errs.New(errs.Unauthenticated, "Invalid credentials in Authorization header")
	}
	a.Name, a.SiteAdmin, a.Token = row.Name, row.SiteAdmin, hub.TokenRole(row.Role)
	return a, err
}

// observe holds answers to the contract.
func (d *Door) observe(rt *httpd.Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := contract.Record(w)
		next.ServeHTTP(rec, r)
		if err := rec.Validate(rt.ID, r); err != nil {
			d.T.Errorf("outside the contract: %s %s (%s): %v", r.Method, r.URL.Path, rt.ID, err)
		}
	})
}

// User makes a user with a write and a read token.
func (d *Door) User(name string) User {
	d.T.Helper()
	u, err := d.Accounts.Create(d.T.Context(), account.NewUser{Name: name, Email: name + "@example.com", Password: "correct horse battery staple"})
	if err != nil {
		d.T.Fatal(err)
	}
	out := User{ID: u.ID, Name: name}
	for role, to := range map[hub.TokenRole]*string{hub.TokenWrite: &out.Token, hub.TokenRead: &out.ReadToken} {
		if *to, _, err = d.Accounts.CreateToken(d.T.Context(), u.ID, account.NewToken{Name: string(role), Role: role}); err != nil {
			d.T.Fatal(err)
		}
	}
	return out
}

// Repo makes a model of an owner and returns its row's id.
func (d *Door) Repo(ownerID, namespace, name string, v hub.Visibility) (id string) {
	d.T.Helper()
	id = hub.NewID()
	_, err := d.DB.Exec(d.T.Context(), `INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at)
		VALUES (?, 'model', ?, ?, ?, ?, ?, ?, 0, 0)`, id, ownerID, namespace, name, namespace+"/"+name, ownerID, string(v))
	if err != nil {
		d.T.Fatal(err)
	}
	return id
}

// Exec changes a row behind the doors' back.
func (d *Door) Exec(query string, args ...any) {
	d.T.Helper()
	if _, err := d.DB.Exec(d.T.Context(), query, args...); err != nil {
		d.T.Fatal(err)
	}
}

// Answer is a response with its body read.
type Answer struct {
	*http.Response
	Bytes []byte
}

// Text is the body without the request's id, for comparing answers.
func (a Answer) Text() string { return string(a.Bytes) }

// JSON decodes the body.
func (a Answer) JSON(t testing.TB, dst any) {
	t.Helper()
	if err := json.Unmarshal(a.Bytes, dst); err != nil {
		t.Fatalf("%s: %v", a.Bytes, err)
	}
}

// Do sends a request; url may be a path. header holds pairs of name and value.
func (d *Door) Do(method, url, token string, body []byte, header ...string) Answer {
	d.T.Helper()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	return d.Send(method, url, token, r, header...)
}

// Send is Do with a body of any kind.
func (d *Door) Send(method, url, token string, body io.Reader, header ...string) Answer {
	d.T.Helper()
	if url[0] == '/' {
		url = d.URL + url
	}
	r, err := http.NewRequestWithContext(d.T.Context(), method, url, body)
	if err != nil {
		d.T.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.T.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.T.Fatal(err)
	}
	return Answer{res, b}
}

// Want fails the test if the status is another one.
func (a Answer) Want(t testing.TB, status int) Answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %.300s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.Bytes)
	}
	return a
}
