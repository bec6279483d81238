package scale

import (
	"cmp"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// question is a list or a check about people, organisations and repositories.
type question struct {
	what   string
	as     string // admin, member (of org-0, an admin of it), owner (user-1); "" is anonymous
	path   string
	status int  // 200
	deep   bool // the page after this one is asked for
	all    bool // the answer is as long as there are rows: it is streamed, some hundred a statement
}

// questions are the reads of users, organisations, tokens, likes, quotas and the audit log.
var questions = []question{
	{what: "who I am, in two organisations", as: "member", path: "/api/whoami-v2"},
	{what: "the kind of a user", as: "", path: "/api/users/user-7/type"},
	{what: "the kind of an organisation", as: "", path: "/api/users/org-0/type"},
	{what: "the profile of a user", path: "/api/users/user-7/profile"},
	{what: "the profile of a large organisation", path: "/api/organizations/org-0/profile"},
	{what: "the overview of a user", path: "/api/users/user-0/overview"},
	{what: "the overview of a user, by a member", as: "member", path: "/api/users/user-1/overview"},
	{what: "the overview of a large organisation", path: "/api/organizations/org-0/overview"},
	{what: "the same by a member", as: "member", path: "/api/organizations/org-0/overview"},
	{what: "social handles", path: "/api/organizations/org-0/socials"},
	{what: "an avatar as JSON", path: "/api/avatars/user-7", status: http.StatusFound},
	{what: "followers of whom all follow", path: "/api/users/user-0/followers?limit=100"},
	{what: "followers, the second page", path: "/api/users/user-0/followers?limit=10", deep: true},
	{what: "followers of an organisation", path: "/api/organizations/org-0/followers?limit=100"},
	{what: "whom a user follows", path: "/api/users/user-7/following"},
	{what: "likes of a user", path: "/api/users/user-6/likes"},
	{what: "members of a large organisation", as: "member", path: "/api/organizations/org-0/members?limit=100"},
	{what: "members, the second page", as: "member", path: "/api/organizations/org-0/members?limit=10", deep: true},
	{what: "members, searched", as: "member", path: "/api/organizations/org-0/members?search=ser-3&limit=20"},
	{what: "members by e-mail", as: "member", path: "/api/organizations/org-0/members?email=user-9@example.com"},
	{what: "members, by a stranger", path: "/api/organizations/org-0/members?limit=100"},
	{what: "invitations of an organisation", as: "member", path: "/api/organizations/org-0/invitations"},
	{what: "users, by an administrator", as: "admin", path: "/api/admin/users?limit=50"},
	{what: "users searched by an administrator", as: "admin", path: "/api/admin/users?search=ser-7&limit=20"},
	{what: "organisations, by an administrator", as: "admin", path: "/api/admin/organizations?limit=50"},
	{what: "repositories, by an administrator", as: "admin", path: "/api/admin/repos?limit=50"},
	{what: "the log of all, by an administrator", as: "admin", path: "/api/admin/audit?limit=100"},
	{what: "a user's page", path: "/user-0"},
	{what: "quick search", path: "/api/quicksearch?q=repo"},
	{what: "quick search of a rare word", as: "member", path: "/api/quicksearch?q=repo-777"},
	{what: "quick search of people", path: "/api/quicksearch?q=user-77&type=user&type=org"},
	{what: "trending", path: "/api/trending"},
	{what: "what uses an organisation's space", as: "member", path: "/api/organizations/org-0/settings/repositories?type=model&limit=10&sort=storage&direction=asc"},
	{what: "likers of what all like", as: "", path: "/api/models/org-0/repo-0/likers"},
	{what: "likers, the second page", as: "", path: "/api/models/org-0/repo-0/likers?limit=10", deep: true},
	{what: "storage of my repositories", as: "owner", path: "/api/settings/repositories"},
	{what: "storage of a large organisation", as: "member", path: "/api/organizations/org-0/settings/repositories?limit=100"},
	{what: "storage, searched", as: "member", path: "/api/organizations/org-0/settings/repositories?search=po-1&limit=20&sort=updatedAt"},
	{what: "the log of an organisation", as: "member", path: "/api/organizations/org-0/audit-log/export", all: true},
	{what: "the log by author", as: "member", path: "/api/organizations/org-0/audit-log/export?q=author:user-6"},
	{what: "the log by address", as: "member", path: "/api/organizations/org-0/audit-log/export?q=ip:192.0.2.8"},
	{what: "the log by a rare type", as: "member", path: "/api/organizations/org-0/audit-log/export?q=type:repo.delete"},
	{what: "the log by a type that never was", as: "member", path: "/api/organizations/org-0/audit-log/export?q=type:collection.create"},
	{what: "a private repository of an organisation", as: "member", path: "/api/models/org-0/repo-30/auth-check"},
	{what: "repositories of an owner, as a stranger", as: "", path: "/api/models?author=org-0&limit=20"},
	{what: "repositories of an owner, as a member", as: "member", path: "/api/models?author=org-0&limit=20"},
	{what: "repositories of one who has few", as: "member", path: "/api/models?author=user-1&sort=downloads"},
	{what: "all repositories, by one who sees private ones", as: "member", path: "/api/models?limit=20&sort=likes"},
	{what: "all repositories, the second page", as: "member", path: "/api/models?limit=20&sort=createdAt", deep: true},
	{what: "what a user likes", as: "", path: "/api/users/user-3/likes"},
	{what: "quick search for a word that all have", as: "", path: "/api/quicksearch?q=repo"},
	{what: "quick search for a letter, by a member", as: "member", path: "/api/quicksearch?q=r&limit=20"},
	{what: "quick search for a letter, by an administrator", as: "admin", path: "/api/quicksearch?q=r&limit=20"},
	{what: "quick search for two words", as: "member", path: "/api/quicksearch?q=repo+12"},
	{what: "quick search for people", as: "", path: "/api/quicksearch?q=user&limit=20"},
	{what: "quick search below a namespace", as: "", path: "/api/quicksearch?q=org-0/re"},
	{what: "quick search for nothing", as: "member", path: "/api/quicksearch"},
	{what: "what trends", as: "member", path: "/api/trending?limit=20"},
	{what: "the followers of a user, as a page", as: "member", path: "/user-0?tab=followers"},
	{what: "the likes of a user, as a page", as: "member", path: "/user-3?tab=likes"},
	{what: "the page of an organisation", as: "", path: "/org-0"},
	{what: "the page of a user", as: "member", path: "/user-1"},
}

// filled is a hub of a size and its callers.
type filled struct {
	*testhub.Hub
	callers map[string]testhub.Caller
}

// engines are the databases that a hub is filled in.
var engines = []db.Dialect{db.SQLite, db.Postgres}

func fill(t testing.TB, dialect db.Dialect, size Size) *filled {
	t.Helper()
	address := dbtest.URL(t, dialect)
	h := testhub.New(t, func(c *config.Config) { c.DatabaseURL = address })
	rest(t, h.App.DB())
	if err := Seed(t.Context(), h.App.DB(), size); err != nil {
		t.Fatal(err)
	}
	if dialect == db.Postgres {
		vacuum(t, address)
	}
	rest(t, h.App.DB())
	f := &filled{Hub: h, callers: map[string]testhub.Caller{"admin": h.Admin}}
	for who, name := range map[string]string{"member": "user-0", "owner": "user-1"} {
		u, err := h.App.Accounts().Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		f.callers[who] = testhub.Caller{Name: name, Token: h.Token(u.ID, hub.TokenWrite)}
	}
	return f
}

// vacuum does what PostgreSQL does by itself some minutes after so many rows came.
func vacuum(t testing.TB, address string) {
	t.Helper()
	pool, err := sql.Open("pgx", address)
	if err == nil {
		defer pool.Close()
		_, err = pool.ExecContext(t.Context(), "VACUUM ANALYZE")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rest has the background do nothing more: what it finds in rows that no request made is not what is asked about.
func rest(t testing.TB, d *db.DB) {
	t.Helper()
	known, quiet := 0, 0
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var n, busy int
		_, err := d.Exec(t.Context(), "UPDATE job SET run_at = 9000000000000000 WHERE lease_until = 0")
		if err == nil {
			err = d.Get(t.Context(), &n, "SELECT COUNT(*) FROM job")
		}
		if err == nil {
			err = d.Get(t.Context(), &busy, "SELECT COUNT(*) FROM job WHERE lease_until <> 0")
		}
		if err != nil || time.Now().After(end) {
			t.Fatal(err, busy)
		}
		if quiet++; n != known || busy > 0 {
			known, quiet = n, 0
		}
		if n > 0 && quiet > 15 {
			return
		}
	}
}

// ask sends a question and wants an answer.
func (f *filled) ask(q question, path string) testhub.Answer {
	a := f.Do(f.callers[q.as], http.MethodGet, path, nil)
	if a.Status != cmp.Or(q.status, http.StatusOK) {
		f.T.Fatalf("%s: %s: %d %.300s", q.what, path, a.Status, a.Body)
	}
	return a
}

// address is the one to ask at: of the next page, where that is the question.
func (f *filled) address(q question) string {
	if !q.deep {
		return q.path
	}
	_, rest, _ := strings.Cut(f.ask(q, q.path).Header.Get("Link"), "<")
	link, _, _ := strings.Cut(rest, ">")
	u, err := url.Parse(link)
	if err != nil || u.Path == "" {
		f.T.Fatalf("%s: no next page: %v", q.what, err)
	}
	return u.RequestURI()
}

// touch changes a row that no question is about: on SQLite what is in memory counts for nothing then.
const touch = "UPDATE users SET created_at = created_at + 1 WHERE name = 'user-9'"

// statements is how many a question takes when nothing is known yet of the answer: the least of a few, since the
// background asks, too.
func (f *filled) statements(q question) (least uint64) {
	path := f.address(q)
	for i := range 6 {
		if _, err := f.App.DB().Exec(f.T.Context(), touch); err != nil { // what is cached counts no more
			f.T.Fatal(err)
		}
		before := f.App.DB().Statements()
		f.ask(q, path)
		if n := f.App.DB().Statements() - before; i == 0 || n < least {
			least = n
		}
	}
	return least
}

func (q question) String() string { return fmt.Sprintf("%s (%s)", q.what, q.path) }
