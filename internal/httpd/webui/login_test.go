package webui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
)

func TestLogin(t *testing.T) {
	w := newWorld(t, "")
	w.repo(hub.Model, "alice/hidden", hub.Private, nil)
	a := w.do(http.MethodPost, "/login", loginForm("Alice", password, "/alice/hidden?x=1"))
	c := a.cookie()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/alice/hidden?x=1" || c == nil {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure || c.MaxAge <= 0 || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	cookie := c.Name + "=" + c.Value
	if a := w.get("/alice/hidden", "Cookie", cookie); a.status != http.StatusOK {
		t.Errorf("signed in: %d", a.status)
	}
	if a := w.get("/login?next=/alice", "Cookie", cookie); a.status != http.StatusSeeOther || a.header.Get("Location") != "/alice" {
		t.Errorf("the form for who is signed in: %d", a.status)
	}
	// A new login is a new session and ends the one before; so does signing out.
	second := w.signIn("alice", "Cookie", cookie)
	if second == cookie {
		t.Error("the session's secret stays the same")
	}
	if a := w.get("/alice/hidden", "Cookie", cookie); a.status != http.StatusNotFound {
		t.Errorf("the session before: %d", a.status)
	}
	if a := w.do(http.MethodPost, "/logout", "", "Cookie", second); a.status != http.StatusSeeOther || a.cookie() == nil || a.cookie().MaxAge >= 0 {
		t.Errorf("sign out: %d %v", a.status, a.header)
	}
	if a := w.get("/alice/hidden", "Cookie", second); a.status != http.StatusNotFound {
		t.Errorf("after signing out: %d", a.status)
	}
}

func TestSecureCookieUnderHTTPS(t *testing.T) {
	w := newWorld(t, "https://hub.example")
	a := w.do(http.MethodPost, "/login", loginForm("alice", password, ""))
	if c := a.cookie(); c == nil || !c.Secure {
		t.Errorf("%d %v", a.status, c)
	}
}

func TestLoginRefused(t *testing.T) {
	w := newWorld(t, "")
	wrong := w.do(http.MethodPost, "/login", loginForm("alice", "wrong", "/alice"))
	unknown := w.do(http.MethodPost, "/login", loginForm("nobody-here", "wrong", "/alice"))
	if wrong.status != http.StatusUnprocessableEntity || strings.ReplaceAll(wrong.body, "alice", "X") != strings.ReplaceAll(strings.ReplaceAll(unknown.body, "nobody-here", "X"), "alice", "X") {
		t.Errorf("%d and %d differ:\n%s\n%s", wrong.status, unknown.status, wrong.body, unknown.body)
	}
	if wrong.cookie() != nil || !strings.Contains(wrong.body, "Wrong user name or password") || !strings.Contains(wrong.body, `role="alert"`) {
		t.Error(wrong.body)
	}
	if strings.Contains(wrong.body, "value=\"wrong\"") {
		t.Error("the password is in the page")
	}
	checkPage(t, wrong)
	hostileName := w.do(http.MethodPost, "/login", loginForm(hostile, "x", ""))
	checkPage(t, hostileName)
	for what, a := range map[string]answer{
		"empty": w.do(http.MethodPost, "/login", ""), "long name": w.do(http.MethodPost, "/login", loginForm(strings.Repeat("x", 300), "x", "")),
	} {
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	if a := w.do(http.MethodPost, "/login", loginForm("alice", strings.Repeat("x", 20<<10), "")); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("large form: %d", a.status)
	}
	if a := w.do(http.MethodPost, "/login", `{"username":"alice"}`, "Content-Type", "application/json"); a.status != http.StatusBadRequest {
		t.Errorf("JSON: %d", a.status)
	}
	if a := w.do(http.MethodPost, "/login", loginForm("alice", "wrong", ""), "Accept", "*/*"); a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("a tool: %d", a.status)
	}
}

func TestLoginThrottled(t *testing.T) {
	w := newWorld(t, "")
	var a answer
	for range 11 {
		a = w.do(http.MethodPost, "/login", loginForm("bob", "wrong", ""))
	}
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "Too many attempts") {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// Another site cannot sign its visitor in or out, with or without a session.
func TestCrossSiteForms(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	for _, from := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"},
		{"Sec-Fetch-Site", "cross-site", "Origin", w.url},
	} {
		for _, who := range []string{"", cookie} {
			headers := append([]string{"Cookie", who}, from...)
			if a := w.do(http.MethodPost, "/login", loginForm("bob", password, ""), headers...); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized || a.cookie() != nil {
				t.Errorf("login %v: %d", headers, a.status)
			}
			if a := w.do(http.MethodPost, "/logout", "", headers...); a.status < 400 || a.cookie() != nil {
				t.Errorf("logout %v: %d", headers, a.status)
			}
		}
	}
	if a := w.get("/", "Cookie", cookie); !strings.Contains(a.body, `action="/logout"`) {
		t.Error("the session is over")
	}
	if a := w.do(http.MethodPost, "/login", loginForm("bob", password, ""), "Sec-Fetch-Site", "", "Origin", w.url); a.status != http.StatusSeeOther {
		t.Errorf("an older browser: %d", a.status)
	}
}

var offSite = []string{
	"//evil.example", "///evil.example", "////evil.example", "https://evil.example", "http:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x",
	`/\evil.example`, `\/evil.example`, `\\evil.example`, `/\/evil.example`, `/a/../\evil.example`, `/a/..\evil.example`, "/a/..//evil.example", "/./\\evil.example",
	"/%2fevil.example", "/%2f%2fevil.example", "/%5cevil.example", "/%5c%5cevil.example", "/%252f%252fevil.example", "/%255cevil.example", "/a/%2e%2e//evil.example",
	"/%09/evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\nLocation:%20https://evil.example", "/%0d%0aSet-Cookie:x=1", "/ /evil.example", "/\x00/evil.example",
	" //evil.example", "\t//evil.example", "evil.example", "@evil.example", "/..//evil.example", "/.//evil.example", "/;//evil.example", "/?x\\@evil.example", "/#//evil.example",
	"//evil.example/%2f..", "/\u2028/evil.example", "/\uff0fevil.example", "//google.com@evil.example", "/login?next=//evil.example", "/logout", "/LOGIN", "/%6cogin", "?//evil.example", "",
	"/" + strings.Repeat("a", 3000), "/%zz", "/%2e%2e%2f%2fevil.example",
}

func TestOpenRedirect(t *testing.T) {
	w := newWorld(t, "")
	signedIn := w.signIn("alice")
	for i, next := range offSite {
		answers := []answer{w.get("/login?next="+url.QueryEscape(next), "Cookie", signedIn)}
		if i%8 == 0 { // a password takes long to check, and what reads next is the same
			answers = append(answers, w.do(http.MethodPost, "/login", loginForm("alice", password, next)))
		}
		for _, a := range answers {
			if loc := a.header.Get("Location"); a.status != http.StatusSeeOther || loc != "/" {
				t.Errorf("%q leads to %q (%d)", next, loc, a.status)
			}
		}
		if page := w.get("/login?next=" + url.QueryEscape(next)); strings.Contains(page.body, "evil.example") {
			t.Errorf("%q stands in the form", next)
		}
	}
	for _, next := range []string{"/", "/alice", "/alice/tiny/blob/main/100%25.txt", "/datasets/a/b/tree/refs%2Fpr%2F1", "/models?search=a%20b&sort=likes", "/alice/tiny/tree/main/"} {
		if a := w.get("/login?next="+url.QueryEscape(next), "Cookie", signedIn); a.header.Get("Location") != next {
			t.Errorf("%q leads to %q", next, a.header.Get("Location"))
		}
	}
	if len(offSite) < 50 {
		t.Errorf("only %d payloads", len(offSite))
	}
}

// Without next the form leads back to the page of this hub that linked to it, and never elsewhere.
func TestLoginLeadsBack(t *testing.T) {
	w := newWorld(t, "")
	for referer, want := range map[string]string{
		w.url + "/alice/tiny?x=1": "/alice/tiny?x=1", "https://evil.example/alice": "/", w.url + "//evil.example": "/", w.url + "@evil.example/x": "/", "": "/",
	} {
		n := w.get("/login", "Referer", referer).tree(t)
		got := ""
		for _, in := range all(n, "input") {
			if attr(in, "name") == "next" {
				got = attr(in, "value")
			}
		}
		if got != want {
			t.Errorf("from %q: %q", referer, got)
		}
	}
}
