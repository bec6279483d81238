package hubapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// repoHub is the routes of this package on a real database and a folder, with two users.
type repoHub struct {
	*testing.T
	url    string
	tokens map[string]string
}

func newRepoHub(t *testing.T, d *db.DB) *repoHub {
	blobs, err := fs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	git := gitstore.New(d, blobs, gitstore.Options{CacheDir: t.TempDir()})
	repos := repo.New(repo.Deps{DB: d, Git: git, Authz: authz.New(d), Quota: quota.New(quota.Deps{DB: d}), Key: []byte("key"), LFS: repo.LFSDefaults{Threshold: 5_000_000, KeepVersions: 5}})
	x := xetstore.New(d, blobs, xetstore.Options{Log: log})
	files := content.New(d, git, gitstore.NewCopies(git, gitstore.CopyOptions{Dir: t.TempDir()}), x, repos, quota.New(quota.Deps{DB: d}), jobs.New(d, jobs.Options{Log: log}), log, content.Limits{RegularFile: 1 << 20, CommitRegular: 1 << 20, CommitFiles: 100})
	repos.Attach(repo.Hooks{ListFiles: files.ListFiles})
	accounts := account.New(d, account.Options{Log: log})
	api := &API{Accounts: accounts, Authz: authz.New(d), Repos: repos, Content: files}
	srv, err := httpd.New(httpd.Options{Accounts: accounts, Authz: authz.New(d), Repos: repos, Log: log}, api.Routes())
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(srv)
	t.Cleanup(ts.Close)
	h := &repoHub{T: t, url: ts.URL, tokens: map[string]string{"": ""}}
	for _, name := range []string{"alice", "bob"} {
		u, err := accounts.Create(context.Background(), account.NewUser{Name: name, Email: name + "@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if h.tokens[name], _, err = accounts.CreateToken(context.Background(), u.ID, account.NewToken{Name: "test", Role: hub.TokenWrite}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// call sends JSON and returns the status, the headers and the decoded body.
func (h *repoHub) call(who, method, path, body string) (int, http.Header, any) {
	h.Helper()
	req, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if tok := h.tokens[who]; tok != "" {
		req.Header.Set("Authorization", "Bearer "+tok)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	var v any
	if err := json.Unmarshal(bytes.TrimSpace(b), &v); err != nil && len(b) > 0 {
		h.Errorf("%s %s: not JSON: %s", method, path, b)
	}
	return res.StatusCode, res.Header, v
}

// want calls and checks the status and that the body's text contains some words.
func (h *repoHub) want(who, method, path, body string, status int, words ...string) (http.Header, any) {
	h.Helper()
	got, header, v := h.call(who, method, path, body)
	text, _ := json.Marshal(v)
	if got != status {
		h.Errorf("%s %s %s %s: %d %s, want %d", who, method, path, body, got, text, status)
	}
	for _, w := range words {
		if !strings.Contains(string(text), w) {
			h.Errorf("%s %s %s: %s lacks %s", who, method, path, text, w)
		}
	}
	return header, v
}

func TestRepoRoutes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newRepoHub(t, d)
		create := "/api/repos/create"
		h.want("alice", "POST", create, `{"name":"m","organization":null,"license":"mit","files":[{"path":"a.txt","content":"aGk=","encoding":"base64"}]}`, 200,
			`"url":"`+h.url+`/alice/m"`, `"name":"alice/m"`)
		h.want("alice", "POST", create, `{"name":"M"}`, 409, `"url":"`+h.url+`/alice/M"`, "already exists")
		h.want("alice", "POST", create, `{"name":"p","private":true}`, 200)
		h.want("alice", "POST", create, `{"name":"d","type":"dataset","visibility":"public"}`, 200, h.url+"/datasets/alice/d")
		h.want("alice", "POST", create, `{"name":"s","type":"space","sdk":"static"}`, 200, h.url+"/spaces/alice/s")
		h.want("alice", "POST", create, `{"name":"x","type":"space","sdk":"static","secrets":[{"key":"a","value":"b"}],"hardware":"t4-small"}`, 501, "hardware, secrets")
		h.want("alice", "POST", create, `{"name":"x","type":"space","sdk":"static","visibility":"protected"}`, 422)
		h.want("alice", "POST", create, `{"name":"x","private":true,"visibility":"private"}`, 400)
		h.want("alice", "POST", create, `{"name":7}`, 400, "name")
		h.want("alice", "POST", create, `{"name":"x","resourceGroupId":"0123456789abcdef01234567"}`, 501, "resourceGroupId")
		h.want("", "POST", create, `{"name":"x"}`, 401)
		h.want("bob", "POST", create, `{"name":"x","organization":"alice"}`, 403)

		h.want("", "GET", "/api/models/ALICE/m", "", 200, `"sha":"`, `{"rfilename":"a.txt"}`, `"license:mit"`)
		h.want("", "GET", "/api/models/alice/m/revision/main?blobs=true", "", 200, `"size":2`, `"blobId":"`)
		h.want("", "GET", "/api/models/alice/m/revision/HEAD?expand%5B%5D=likes&expand=private", "", 200, `"likes":0`)
		h.want("", "GET", "/api/models/alice/m?expand=foo", "", 400, `\"expand\" must be one of [author,`)
		h.want("", "GET", "/api/models/alice/m/revision/nope", "", 404, "Invalid rev id")
		h.want("", "GET", "/api/spaces/alice/s", "", 200, `"sdk":"static"`)
		h.want("", "GET", "/api/models/alice/m/auth-check", "", 200)
		h.want("bob", "GET", "/api/models/alice/m/auth-check/write", "", 403)

		h.want("alice", "PUT", "/api/models/alice/m/settings", `{"gated":"auto"}`, 200, `"success":true`, `"gated":"auto"`)
		h.want("bob", "GET", "/api/models/alice/m/auth-check", "", 403)
		h.want("alice", "PUT", "/api/models/alice/m/settings", `[1]`, 400)
		h.want("alice", "GET", "/api/models/alice/m/settings/lfs", "", 200, `"lfs_threshold_bytes_effective":5000000`)
		h.want("bob", "POST", "/api/models/alice/m/duplicate", `{"repository":"bob/copy"}`, 403)
		h.want("alice", "POST", "/api/models/alice/m/duplicate", `{"repository":"alice/copy","visibility":"private"}`, 200, h.url+"/alice/copy")
		h.want("alice", "POST", "/api/models/alice/m/duplicate", `{"repository":"alice/copy"}`, 409, `"url"`)

		h.want("alice", "POST", "/api/repos/move", `{"fromRepo":"alice/d","toRepo":"alice/d2","type":"dataset"}`, 200)
		if header, _ := h.want("", "GET", "/api/datasets/alice/d?blobs=1", "", 307); header.Get("Location") != "/api/datasets/alice/d2?blobs=1" {
			t.Errorf("Location %q", header.Get("Location"))
		}
		h.want("alice", "POST", "/api/repos/move", `{"fromRepo":"alice/m","toRepo":"x"}`, 400)
		h.want("alice", "POST", "/api/validate-yaml", `{"content":"---\nlicense: mit\n---\n","repoType":"model"}`, 200, `"errors":[]`)
		h.want("alice", "POST", "/api/validate-yaml", `{"content":"---\nlicense: [\n---\n","repoType":"model"}`, 400, `"message"`)
		h.want("", "GET", "/api/models-tags-by-type?type=license", "", 200, `"license:mit"`)
		h.want("", "GET", "/api/datasets-tags-by-type?type=nope", "", 400)

		h.want("bob", "DELETE", "/api/repos/delete", `{"name":"p","organization":"alice"}`, 404)
		h.want("alice", "DELETE", "/api/repos/delete", `{"name":"p","organization":null,"type":"model"}`, 200)
		h.want("alice", "DELETE", "/api/repos/delete", `{"name":"p"}`, 404)
	})
}

// TestPrivateAnswersAsAbsent: to those who may not see it, a private repository does not exist, byte for byte.
func TestPrivateAnswersAsAbsent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newRepoHub(t, d)
		h.want("alice", "POST", "/api/repos/create", `{"name":"hidden","private":true}`, 200)
		h.want("alice", "POST", "/api/repos/create", `{"name":"older","private":true}`, 200)
		h.want("alice", "POST", "/api/repos/move", `{"fromRepo":"alice/older","toRepo":"alice/newer"}`, 200)
		for _, who := range []string{"", "bob"} {
			for _, c := range [][3]string{
				{"GET", "/api/models/alice/NAME", ""}, {"GET", "/api/models/alice/NAME/revision/main", ""}, {"GET", "/api/models/alice/NAME/auth-check", ""},
				{"PUT", "/api/models/alice/NAME/settings", `{"private":false}`}, {"GET", "/api/models/alice/NAME/settings/lfs", ""},
				{"POST", "/api/models/alice/NAME/duplicate", `{"repository":"bob/x"}`}, {"POST", "/api/repos/move", `{"fromRepo":"alice/NAME","toRepo":"bob/x"}`},
				{"DELETE", "/api/repos/delete", `{"name":"NAME","organization":"alice"}`},
			} {
				var answers []string
				for _, name := range []string{"hidden", "older", "absent"} {
					status, header, body := h.call(who, c[0], strings.Replace(c[1], "NAME", name, 1), strings.Replace(c[2], "NAME", name, 1))
					text, _ := json.Marshal([]any{status, header["X-Error-Code"], header["X-Error-Message"], body})
					answers = append(answers, string(text))
				}
				if answers[0] != answers[2] || answers[1] != answers[2] {
					t.Errorf("%q %v: %s", who, c, strings.Join(answers, "\n"))
				}
			}
		}
	})
}

func TestListRoute(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newRepoHub(t, d)
		for _, name := range []string{"a", "b", "c"} {
			h.want("alice", "POST", "/api/repos/create", `{"name":"`+name+`"}`, 200)
		}
		header, v := h.want("", "GET", "/api/models?limit=2&sort=id&author=alice&full=true&config=True", "", 200, `"alice/a"`, `"siblings":[`)
		link := header.Get("Link")
		if len(v.([]any)) != 2 || !strings.HasPrefix(link, "<"+h.url+"/api/models?") || !strings.HasSuffix(link, `>; rel="next"`) {
			t.Fatalf("first page: %v, Link %q", v, link)
		}
		next := strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<"+h.url)
		header, v = h.want("", "GET", next, "", 200, `"alice/c"`)
		if len(v.([]any)) != 1 || header.Get("Link") != "" {
			t.Errorf("last page: %v, Link %q", v, header.Get("Link"))
		}
		if h.want("", "GET", strings.Replace(next, "sort=id", "sort=likes", 1), "", 400); t.Failed() {
			return
		}
		for query, status := range map[string]int{
			"limit=0": 400, "limit=x": 400, "limit=1000000000": 200, "sort=nope": 400, "direction=2": 400, "sort=trending&direction=-1": 200,
			"num_parameters=min:6B": 501, "apps=ollama": 501, "inference=warm": 200, "gated=maybe": 400, "expand=nope": 400, "search=%25": 200,
		} {
			h.want("", "GET", "/api/models?"+query, "", status)
		}
		if _, v := h.want("", "GET", "/api/models?search=%25", "", 200); len(v.([]any)) != 0 {
			t.Errorf("a search for %%: %v", v)
		}
	})
}
