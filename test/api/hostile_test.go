package api

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// raw sends a request as it is written and gives status, header and body.
func raw(t *testing.T, h *testhub.Hub, request string) (int, http.Header, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

// However a path is written, the access decision is the same: nobody reads what is private by spelling it otherwise.
func TestPathForms(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.CreateRepo(alice, hub.Model, "alice/secret", true)
		h.CreateRepo(bob, hub.Model, "bob/open", false)
		h.Commit(alice, hub.Model, "alice/secret", "main", map[string]string{"f.txt": "TOPSECRET"})
		oid := head(h, alice, "alice/secret", "main")
		for _, form := range []string{
			"/alice/secret/resolve/main/f.txt", "//alice/secret/resolve/main/f.txt", "/alice//secret/resolve/main/f.txt", "/alice/secret//resolve/main/f.txt", "/alice/secret/resolve//main/f.txt",
			"/alice;x/secret/resolve/main/f.txt", "/alice/secret;x=1/resolve/main/f.txt", "/alice%2Fsecret/resolve/main/f.txt", "/%61lice/secret/resolve/main/f.txt", "/ALICE/SECRET/resolve/main/f.txt",
			"/./alice/secret/resolve/main/f.txt", "/%2e/alice/secret/resolve/main/f.txt", "/bob/open/../../alice/secret/resolve/main/f.txt", "/bob/open/%2e%2e/%2e%2e/alice/secret/resolve/main/f.txt",
			"/bob/open/resolve/main/../../../../alice/secret/resolve/main/f.txt", "/bob/open/resolve/main/%2e%2e%2f%2e%2e%2f%2e%2e%2falice/secret/resolve/main/f.txt", "/bob/open/resolve/" + oid + "/f.txt",
			"/alice/secret.git/resolve/main/f.txt", "/alice/secret/resolve/main/f.txt/", "/alice/secret/raw/main/f.txt", "/alice\\secret/resolve/main/f.txt", "/alice/secret\\resolve/main/f.txt",
			"/api/models/alice/secret/tree/main", "/api//models/alice/secret/tree/main", "/api/models/alice%2fsecret/tree/main", "/api/models/alice/secret/tree/main;.css", "/api/models/alice/secret/tree/main?.css",
			"/api/models/alice/secret.git/tree/main", "/api/MODELS/alice/secret/tree/main", "/api/model/alice/secret/tree/main", "/datasets/alice/secret/resolve/main/f.txt", "/api/models/alice/secret%00/tree/main",
			"/api/models/alice/secret%20/tree/main", "/api/models/alice/secret./tree/main", "/api/models/bob%2f..%2falice/secret/tree/main", "/healthz/../alice/secret/resolve/main/f.txt", "/healthz/..;/alice/secret/resolve/main/f.txt",
			h.URL + "/alice/secret/resolve/main/f.txt", "http://evil.example/alice/secret/resolve/main/f.txt",
		} {
			for _, token := range []string{"", "Authorization: Bearer " + bob.Token + "\r\n"} {
				for _, method := range []string{"GET", "HEAD"} {
					status, header, body := raw(t, h, method+" "+form+" HTTP/1.1\r\nHost: hub\r\nContent-Length: 0\r\nConnection: close\r\n"+token+"\r\n")
					if status == 200 || status == 206 || status >= 500 && status != 501 || strings.Contains(body, "SECRET") || header.Get("X-Repo-Commit") == oid {
						t.Errorf("%s %s: %d %v %s", method, form, status, header, body)
					}
				}
			}
		}
		// A header or a parameter changes neither the method nor who asks.
		for _, name := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-User", "X-Remote-User", "X-Forwarded-Prefix"} {
			for _, value := range []string{"GET", "DELETE", "/alice/secret/resolve/main/f.txt", "alice", "admin"} {
				if a := get(h, bob, "/api/models/alice/secret", name, value); a.Status != 404 {
					t.Errorf("%s: %s: %d", name, value, a.Status)
				}
				if a := h.Do(bob, "POST", "/api/models/bob/open?_method=DELETE", nil, name, value); a.Status != 404 && a.Status != 405 {
					t.Errorf("%s: %s on POST: %d", name, value, a.Status)
				}
			}
		}
		for _, q := range []string{"token", "access_token", "private_token", "authorization", "api_key"} {
			if a := get(h, nobody, "/alice/secret/resolve/main/f.txt?"+q+"="+alice.Token); a.Status != 400 || !strings.Contains(string(a.Body), "access token stands in the address") || strings.Contains(string(a.Body), alice.Token) {
				t.Errorf("a token in the query is not refused: %s, %d %s", q, a.Status, a.Body)
			}
		}
		if got := read(h, alice, "alice/secret", "main", "f.txt"); got != "TOPSECRET" {
			t.Errorf("the owner reads %q", got)
		}
	})
}

// A token may do the same whatever carries it.
func TestCarriers(t *testing.T) {
	h := testhub.New(t)
	alice := model(h, "alice", "m", nil)
	u, err := h.App.Accounts().Get(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for role, token := range map[string]string{"write": alice.Token, "read": h.Token(u.ID, hub.TokenRead)} {
		for i, auth := range []string{"Bearer " + token, "bearer " + token, basic("alice", token), basic("anybody", token), basic(token, "")} {
			for _, c := range []struct {
				method, path, body string
				read               int
			}{{"GET", "/api/whoami-v2", "", 200}, {"GET", "/api/models/alice/m/auth-check/write", "", 403}, {"PUT", "/api/models/alice/m/settings", "{}", 403}, {"GET", "/api/models/alice/m/settings/lfs", "", 403}} {
				want := 200
				if role == "read" {
					want = c.read
				}
				if a := h.Do(nobody, c.method, c.path, c.body, "Authorization", auth); a.Status != want {
					t.Errorf("%s token by carrier %d: %s %s: %d, want %d", role, i, c.method, c.path, a.Status, want)
				}
			}
		}
	}
	if a := get(h, nobody, "/api/whoami-v2", "Authorization", basic("alice", "correct horse battery staple")); a.Status != 401 {
		t.Errorf("a password is no token: %d", a.Status)
	}
}

// What a client writes comes back in no header and no log line but as one word.
func TestHeaderInjection(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) { injectHeaders(t, h) })
}

func injectHeaders(t *testing.T, h *testhub.Hub) {
	alice := model(h, "alice", "m", nil)
	evil := []string{"a\xffb", "x\r\nX-Evil: 1", "x\nX-Evil: 1", "x\rX-Evil: 1", "x\u2028X-Evil: 1", "x\x00y", "\u202eevil", `"quoted"`, strings.Repeat("é", 3000)}
	check := func(what string, a testhub.Answer) {
		t.Helper()
		if a.Header.Get("X-Evil") != "" || a.Status >= 500 {
			t.Errorf("%s: %d %v", what, a.Status, a.Header)
		}
		for name, values := range a.Header {
			for _, v := range values {
				if strings.ContainsAny(v, "\r\n\x00") || len(v) > 4096 {
					t.Errorf("%s: header %s is %q", what, name, v)
				}
			}
		}
	}
	for _, e := range evil {
		q := url.QueryEscape(e)
		p := url.PathEscape(e)
		for _, path := range []string{"/alice/m/resolve/main/" + p, "/alice/m/resolve/" + p + "/f", "/api/models/alice/m/tree/" + p, "/api/models/alice/m/revision/" + p, "/api/models/" + p + "/m", "/" + p + "/m/resolve/main/f",
			"/api/models?search=" + q, "/api/models?sort=" + q, "/api/models?expand=" + q, "/api/models?cursor=" + q, "/api/models/alice/m/commits/main?p=" + q, "/" + p, "/api/models-tags-by-type?type=" + q} {
			check(path, get(h, alice, path))
		}
		check("summary", commit(h, alice, "alice/m", line("header", dict{"summary": "s " + e}), file("f", e)))
		check("file", commit(h, alice, "alice/m", header("s"), file(e, "x")))
		check("branch", post(h, alice, "/api/models/alice/m/branch/"+p, dict{}))
		check("tag", post(h, alice, "/api/models/alice/m/tag/main", dict{"tag": e}))
		check("create", post(h, alice, "/api/repos/create", dict{"name": e, "type": e}))
		check("create", post(h, alice, "/api/repos/create", dict{"name": "ok", "organization": e}))
		check("settings", h.Do(alice, "PUT", "/api/models/alice/m/settings", dict{e: 1}))
		check("commits", get(h, alice, "/api/models/alice/m/commits/main"))
	}
	for _, id := range []string{`a"b\c`, "a b", strings.Repeat("a", 5000), "a;b,c", "\u00e9"} {
		a := get(h, alice, "/healthz", "X-Request-Id", id)
		check("request id", a)
		if got := a.Header.Get("X-Request-Id"); len(got) > 250 || strings.ContainsAny(got, " \"\\") {
			t.Errorf("request id %q", got)
		}
	}
	for _, host := range []string{"evil.example/x", "evil\"onload=", "a b", "<script>", strings.Repeat("h", 1000)} {
		status, header, body := raw(t, h, "GET /api/models?limit=1 HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if status >= 500 || strings.Contains(header.Get("Link")+body, "<script>") || strings.Contains(header.Get("Link"), `"onload`) {
			t.Errorf("Host %q: %d %v", host, status, header)
		}
	}
	status, _, _ := raw(t, h, "GET /healthz HTTP/1.1\r\nHost: hub\r\nX-Big: "+strings.Repeat("a", 2<<20)+"\r\nConnection: close\r\n\r\n")
	if status != 431 && status != 400 {
		t.Errorf("2 MB of headers: %d", status)
	}
}

// SQL in any parameter is text: the answer is a 4xx or that of a search that finds nothing.
func TestSQLInjection(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "model_1", map[string]string{"README.md": "---\ntags: [a]\n---\n"})
		h.CreateRepo(alice, hub.Model, "alice/hidden", true)
		payloads := []string{"\x00", "a\xff", "'", "''", `"`, "' OR '1'='1", "') OR 1=1 --", "1; DROP TABLE repo", "%", "_", `\`, "%%%", "a' UNION SELECT * FROM account --", "$1", "?", ":x", "{{7*7}}", "${7*7}", "/*", "--", "x' AND pg_sleep(5) --", "\u2019", "1e309", "NaN", "-1", "true", "[]", "{}", strings.Repeat("%_", 90)}
		params := []string{"search", "author", "owner", "filter", "tags", "pipeline_tag", "task", "library", "sort", "direction", "limit", "cursor", "full", "expand", "gated", "inference", "config", "cardData", "num_parameters", "models", "datasets", "apps", "nonsense"}
		start := time.Now()
		for _, p := range params {
			for _, payload := range payloads {
				for _, kind := range []string{"models", "spaces"} {
					q := "/api/" + kind + "?" + p + "=" + url.QueryEscape(payload)
					a := get(h, nobody, q)
					if a.Status >= 500 && a.Status != 501 || strings.Contains(string(a.Body), "hidden") {
						t.Errorf("%s: %d %s", q, a.Status, a.Body)
					}
					if a.Status >= 400 {
						refused(t, q, a, a.Status, a.Header.Get("X-Error-Code"))
					}
				}
			}
		}
		for _, payload := range payloads {
			e := url.PathEscape(payload)
			for _, path := range []string{"/api/models/" + e + "/x", "/api/models/alice/" + e, "/api/models/alice/model_1/revision/" + e, "/api/models/alice/model_1/tree/main/" + e, "/alice/model_1/resolve/main/" + e,
				"/api/models/alice/model_1/tree/main?cursor=" + url.QueryEscape(payload), "/api/models/alice/model_1/tree/main?limit=" + url.QueryEscape(payload), "/api/models-tags-by-type?type=" + url.QueryEscape(payload), "/api/models/alice/model_1?expand=" + url.QueryEscape(payload)} {
				if a := get(h, alice, path); a.Status >= 500 {
					t.Errorf("%s: %d %s", path, a.Status, a.Body)
				}
			}
		}
		if took := time.Since(start); took > 3*time.Minute {
			t.Errorf("it took %v", took)
		}
		for search, want := range map[string]int{"model_1": 1, "modelx1": 0, "%": 0, "model%": 0, "_": 1, "m_del": 0, `\`: 0} { // wildcards are characters
			if got := ok[[]listed](t, search, get(h, nobody, "/api/models?search="+url.QueryEscape(search))); len(got) != want {
				t.Errorf("search %q finds %d, want %d", search, len(got), want)
			}
		}
		for _, name := range []string{"model%1", "modelx1", "model'1"} {
			refused(t, name, get(h, alice, "/api/models/alice/"+url.PathEscape(name)), 404, "RepoNotFound")
		}
	})
}

// Who loses a right loses it at once, on every door.
func TestStaleAccess(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		h.CreateRepo(alice, hub.Model, "acme/m", true)
		h.Commit(bob, hub.Model, "acme/m", "main", map[string]string{"f": "1"})
		doors := []string{"/api/models/acme/m", "/acme/m/resolve/main/f", "/acme/m/raw/main/f", "/api/models/acme/m/tree/main", "/api/models/acme/m/refs", "/api/models/acme/m/commits/main", "/api/models/acme/m/auth-check"}
		for _, d := range doors {
			if a := get(h, bob, d); a.Status != 200 {
				t.Errorf("a member: %s: %d", d, a.Status)
			}
		}
		ctx := t.Context()
		o, err := h.App.Orgs().Get(ctx, "acme")
		if err != nil {
			t.Fatal(err)
		}
		u, err := h.App.Accounts().Get(ctx, "bob")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.App.Orgs().RemoveMember(ctx, o.ID, u.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, d := range doors {
			refused(t, "a former member: "+d, get(h, bob, d), 404, "RepoNotFound")
		}
		refused(t, "a former member commits", commit(h, bob, "acme/m", header("s"), file("g", "1")), 404, "RepoNotFound")
		if got := ok[[]listed](t, "list", get(h, bob, "/api/models")); len(got) != 0 {
			t.Errorf("a former member sees %v", got)
		}
		tokens, err := h.App.Accounts().Tokens(ctx, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.App.Accounts().RevokeToken(ctx, u.ID, tokens[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		refused(t, "revoked", get(h, bob, "/api/whoami-v2"), 401, "", "Invalid credentials")
	})
}
