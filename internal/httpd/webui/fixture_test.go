package webui_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/fileapi"
	"github.com/cairnhub/cairn/internal/httpd/hubapi"
	"github.com/cairnhub/cairn/internal/httpd/webui"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/verify"
	"github.com/cairnhub/cairn/internal/xetstore"
)

const password = "correct horse battery staple"

// world is a hub with its pages, its file door and its API, as the application puts them together.
type world struct {
	*testing.T
	url      string
	accounts *account.Service
	orgs     *org.Service
	repos    *repo.Service
	content  *content.Service
	shown    *profile.Service
	actor    map[string]hub.Actor
	looked   func() // if not nil, comes after the file door has looked up an address
}

type memo struct {
	fileapi.Memo
	w *world
}

func (m memo) Get(k fileapi.Key, load func() (*fileapi.Found, error)) (*fileapi.Found, error) {
	fd, err := m.Memo.Get(k, load)
	if m.w.looked != nil {
		m.w.looked()
	}
	return fd, err
}

func newWorld(t *testing.T, hubURL string) *world {
	d := dbtest.New(t, db.SQLite)
	blobs, err := fs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	rights, queue := authz.New(d), jobs.New(d, jobs.Options{Log: log})
	git, xet := gitstore.New(d, blobs, gitstore.Options{CacheDir: t.TempDir()}), xetstore.New(d, blobs, xetstore.Options{Log: log})
	uses := quota.New(quota.Deps{DB: d})
	orgs := org.New(d)
	w := &world{T: t, accounts: account.New(d, account.Options{Orgs: orgs.OrgsOf, Log: log}), orgs: orgs, actor: map[string]hub.Actor{}}
	t.Cleanup(func() { w.must(w.accounts.Close()) })
	w.repos = repo.New(repo.Deps{DB: d, Git: git, Authz: rights, Quota: uses, Jobs: queue, Log: log, Key: []byte("test key"),
		LFS: repo.LFSDefaults{Threshold: 10 << 20}})
	w.content = content.New(d, git, gitstore.NewCopies(git, gitstore.CopyOptions{Dir: t.TempDir()}), xet, w.repos, uses, queue, log, content.Limits{RegularFile: 10 << 20, CommitRegular: 100 << 20, CommitFiles: 10_000})
	w.repos.Attach(repo.Hooks{ListFiles: w.content.ListFiles, CopyFiles: xet.CopyRepo, DropFiles: xet.DeleteRepo})
	orgs.Attach(org.Hooks{Renamed: w.repos.RenameOwner, BeforeDelete: []func(context.Context, db.Queryer, string) error{repo.CheckOrgDelete}})
	signed := verify.New(w.accounts)
	client := func(*http.Request) string { return "somebody" }
	shown := profile.New(profile.Deps{DB: d, Blobs: blobs, SetFullname: w.accounts.SetFullname})
	w.shown = shown
	pages := &webui.API{Accounts: w.accounts, Authz: rights, Profiles: shown, Repos: w.repos, Content: w.content, Verify: signed, Orgs: orgs}
	api := &hubapi.API{Accounts: w.accounts, Authz: rights, Profiles: shown, Repos: w.repos, Content: w.content, Verify: signed, Client: client}
	files := &fileapi.API{Content: w.content, Count: func(*http.Request, string) {}, Client: client,
		Memo: memo{db.NewMemo[fileapi.Key](d, 1<<20, (*fileapi.Found).Weight), w}}
	srv, err := httpd.New(httpd.Options{Accounts: w.accounts, Authz: rights, Repos: w.repos, Log: log, URL: hubURL},
		pages.Routes(), api.Routes(), files.Routes())
	w.must(err)
	pages.Addr = srv.Addr
	server := httptest.NewServer(srv)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.user("alice")
	w.user("bob")
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) user(name string) {
	w.Helper()
	u, err := w.accounts.Create(context.Background(), account.NewUser{Name: name, Email: url.PathEscape(name) + "@secret.example", Password: password, SkipNameCheck: true})
	w.must(err)
	w.actor[name] = hub.Actor{UserID: u.ID, Name: u.Name}
}

// repo makes a repository with files; id is ns/name.
func (w *world) repo(typ hub.RepoType, id string, v hub.Visibility, files map[string]string) {
	w.Helper()
	ns, name, _ := strings.Cut(id, "/")
	n := repo.NewRepo{ID: hub.RepoID{Type: typ, Namespace: ns, Name: name}, Visibility: v}
	if typ == hub.Space {
		n.SDK = "static"
	}
	r, err := w.repos.Create(context.Background(), w.actor[ns], n)
	w.must(err)
	if len(files) > 0 {
		w.commit(r, w.actor[ns], "Add files", files)
	}
}

func (w *world) commit(r *repo.Repo, actor hub.Actor, summary string, files map[string]string) string {
	w.Helper()
	return w.commitTo("main", r, actor, summary, files)
}

func (w *world) commitTo(branch string, r *repo.Repo, actor hub.Actor, summary string, files map[string]string) string {
	w.Helper()
	oid, err := w.content.Commit(context.Background(), actor, r, content.NewCommit{Branch: branch, Summary: summary}, func(yield func(content.Operation, error) bool) {
		for path, text := range files {
			if !yield(content.Operation{Kind: content.OpFile, Path: path, Content: []byte(text)}, nil) {
				return
			}
		}
	})
	w.must(err)
	return oid.String()
}

type answer struct {
	status int
	header http.Header
	body   string
}

var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do sends what a browser sends; headers come in pairs and an empty value takes one away.
func (w *world) do(method, path, body string, headers ...string) answer {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := client.Do(req)
	w.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (w *world) get(path string, headers ...string) answer {
	w.Helper()
	return w.do(http.MethodGet, path, "", headers...)
}

// signIn answers the Cookie header of a new session.
func (w *world) signIn(name string, headers ...string) string {
	w.Helper()
	a := w.do(http.MethodPost, "/login", loginForm(name, password, ""), headers...)
	c := a.cookie()
	if a.status != http.StatusSeeOther || c == nil || c.Value == "" {
		w.Fatalf("login of %s: %d %v", name, a.status, a.header)
	}
	return c.Name + "=" + c.Value
}

func loginForm(name, password, next string) string {
	return url.Values{"username": {name}, "password": {password}, "next": {next}}.Encode()
}

func (a answer) cookie() *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == httpd.SessionCookie {
			return c
		}
	}
	return nil
}

// tree parses a page.
func (a answer) tree(t *testing.T) *html.Node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// all are the elements of a name below n.
func all(n *html.Node, name string) []*html.Node {
	var found []*html.Node
	for e := range n.Descendants() {
		if e.Type == html.ElementNode && e.Data == name {
			found = append(found, e)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for e := range n.Descendants() {
		if e.Type == html.TextNode {
			b.WriteString(e.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
