package webui_test

import (
	"bytes"
	"crypto/ed25519"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/html"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
)

var settingsPages = []string{"/settings/profile", "/settings/account", "/settings/tokens", "/settings/keys", "/settings/sessions", "/settings/organizations"}

func TestSettingsPages(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	for _, path := range settingsPages {
		if a := w.get(path); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login?next="+url.QueryEscape(path) {
			t.Errorf("%s for nobody: %d %v", path, a.status, a.header)
		}
		a := w.get(path, "Cookie", cookie)
		if a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
		checkPage(t, a)
		here := 0
		for _, link := range all(a.tree(t), "a") {
			if attr(link, "aria-current") == "page" {
				if here++; attr(link, "href") != path {
					t.Errorf("%s says that it is %s", path, attr(link, "href"))
				}
			}
		}
		if here != 1 {
			t.Errorf("%s is %d times in its menu", path, here)
		}
	}
	if a := w.get("/settings", "Cookie", cookie); a.status != http.StatusSeeOther || a.header.Get("Location") == "" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// formIn sends a form of a page as a browser does that may look like it.
func (w *world) formIn(cookie, path string, values ...string) answer {
	w.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	return w.do(http.MethodPost, path, form.Encode(), "Cookie", cookie)
}

func (w *world) leadsTo(a answer, path string) {
	w.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != path {
		w.Errorf("%d to %q instead of %q: %s", a.status, a.header.Get("Location"), path, a.header.Get("X-Error-Message"))
	}
}

func TestTokensPage(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	made := w.formIn(cookie, "/settings/tokens", "name", "laptop", "role", "write", "life", "30")
	w.leadsTo(made, "/settings/tokens")
	var shown *http.Cookie
	for _, c := range (&http.Response{Header: made.header}).Cookies() {
		shown = c
	}
	if shown == nil || !strings.HasPrefix(shown.Value, "hf_") || !shown.HttpOnly || shown.SameSite != http.SameSiteStrictMode || shown.MaxAge > 60 || shown.Path != "/settings/tokens" {
		t.Fatalf("%v", made.header)
	}
	actor, err := w.accounts.Authenticate(t.Context(), shown.Value)
	w.must(err)
	if actor.Name != "alice" || actor.Token != hub.TokenWrite {
		t.Errorf("%+v", actor)
	}
	first := w.get("/settings/tokens", "Cookie", cookie+"; "+shown.Name+"="+shown.Value)
	if !strings.Contains(first.body, shown.Value) || first.header.Get("Cache-Control") != "no-store" || !strings.Contains(first.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("not shown, or to be shown again: %v", first.header)
	}
	checkPage(t, first)
	second := w.get("/settings/tokens", "Cookie", cookie)
	if strings.Contains(second.body, shown.Value) || !strings.Contains(second.body, "laptop") {
		t.Error("shown twice")
	}

	taken := w.formIn(cookie, "/settings/tokens", "name", "laptop", "role", "write", "life", "30")
	if taken.status != http.StatusUnprocessableEntity || !strings.Contains(taken.body, `aria-invalid="true"`) || !strings.Contains(taken.body, "already has a token") || taken.cookie() != nil {
		t.Errorf("%d %s", taken.status, taken.body)
	}
	checkPage(t, taken)
	checkPage(t, w.formIn(cookie, "/settings/tokens", "name", hostile, "role", hostile, "life", hostile))

	tokens, err := w.accounts.Tokens(t.Context(), actor.UserID)
	w.must(err)
	if a := w.formIn(w.signIn("bob"), "/settings/tokens/"+tokens[0].ID+"/revoke"); a.status != http.StatusNotFound {
		t.Errorf("somebody else's token: %d", a.status)
	}
	w.leadsTo(w.formIn(cookie, "/settings/tokens/"+tokens[0].ID+"/revoke"), "/settings/tokens?done=revoked")
	if _, err := w.accounts.Authenticate(t.Context(), shown.Value); err == nil {
		t.Error("the token still works")
	}
	if a := w.get("/settings/tokens?done=revoked", "Cookie", cookie); !strings.Contains(a.body, "The token is revoked") {
		t.Error("nothing says so")
	}
	if a := w.get("/settings/tokens?done="+url.QueryEscape(hostile), "Cookie", cookie); strings.Contains(a.body, `role="status"`) {
		t.Error("an address makes the page say something")
	}
}

func TestKeysPage(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	public, _, err := ed25519.GenerateKey(nil)
	w.must(err)
	key, err := ssh.NewPublicKey(public)
	w.must(err)
	line := string(ssh.MarshalAuthorizedKey(key))
	w.leadsTo(w.formIn(cookie, "/settings/keys", "key", line, "title", "laptop"), "/settings/keys?done=key")
	again := w.formIn(cookie, "/settings/keys", "key", line, "title", "laptop")
	if again.status != http.StatusUnprocessableEntity || !strings.Contains(again.body, "in use on this hub already") || !strings.Contains(html.UnescapeString(again.body), strings.Fields(line)[1]) {
		t.Errorf("%d %s", again.status, again.body)
	}
	checkPage(t, again)
	for path, form := range map[string][]string{"/settings/keys": {"key", hostile, "title", hostile}, "/settings/gpg-keys": {"gpg-key", hostile, "gpg-title", hostile}} {
		a := w.formIn(cookie, path, form...)
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, a.status)
		}
		checkPage(t, a)
	}
	keys, err := w.accounts.SSHKeys(t.Context(), w.actor["alice"].UserID)
	w.must(err)
	if a := w.get("/settings/keys", "Cookie", cookie); len(keys) != 1 || !strings.Contains(html.UnescapeString(a.body), keys[0].Fingerprint) {
		t.Fatalf("%d keys", len(keys))
	}
	w.leadsTo(w.formIn(cookie, "/settings/keys/"+keys[0].ID+"/delete"), "/settings/keys?done=key-deleted")
	if a := w.formIn(cookie, "/settings/keys/"+keys[0].ID+"/delete"); a.status != http.StatusNotFound {
		t.Errorf("a key that is gone: %d", a.status)
	}
}

func TestSessionsPage(t *testing.T) {
	w := newWorld(t, "")
	here := w.signIn("alice")
	there := w.signIn("alice", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	a := w.get("/settings/sessions", "Cookie", here)
	if !strings.Contains(a.body, "Firefox on Linux") || strings.Count(a.body, "this one") != 1 {
		t.Error(a.body)
	}
	_, secret, _ := strings.Cut(there, "=")
	other := w.signIn("bob")
	if a := w.formIn(other, "/settings/sessions/"+account.SessionID(secret)+"/end"); a.status != http.StatusNotFound {
		t.Errorf("somebody else's session: %d", a.status)
	}
	w.leadsTo(w.formIn(here, "/settings/sessions/"+account.SessionID(secret)+"/end"), "/settings/sessions?done=session")
	if a := w.get("/settings/sessions", "Cookie", there); a.status != http.StatusSeeOther {
		t.Errorf("the session that was ended: %d", a.status)
	}
	_, secret, _ = strings.Cut(here, "=")
	last := w.formIn(here, "/settings/sessions/"+account.SessionID(secret)+"/end")
	w.leadsTo(last, "/")
	if c := last.cookie(); c == nil || c.MaxAge >= 0 {
		t.Errorf("%v", c)
	}
}

// S13: no other site changes anything in its visitor's name.
func TestS13SettingsFormsFromOtherSites(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	id := strings.Repeat("ab", 12)
	for _, path := range []string{
		"/settings/profile", "/settings/picture", "/settings/picture/remove", "/settings/account/email", "/settings/account/email/resend", "/settings/account/email/cancel",
		"/settings/account/password", "/settings/account/name", "/settings/account/delete", "/settings/tokens", "/settings/tokens/" + id + "/revoke", "/settings/tokens/" + id + "/rotate", "/settings/keys", "/settings/keys/" + id + "/delete", "/settings/gpg-keys",
		"/settings/gpg-keys/" + id + "/delete", "/settings/sessions/" + id[:16] + "/end",
	} {
		for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", ""}} {
			if a := w.do(http.MethodPost, path, "name=x&role=write", append([]string{"Cookie", cookie}, from...)...); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
				t.Errorf("%s from %v: %d", path, from, a.status)
			}
		}
	}
	tokens, err := w.accounts.Tokens(t.Context(), w.actor["alice"].UserID)
	w.must(err)
	if len(tokens) != 0 {
		t.Errorf("%d tokens", len(tokens))
	}
}

func TestFineGrainedTokenPage(t *testing.T) {
	w := newWorld(t, "")
	w.repo(hub.Dataset, "alice/hidden", hub.Private, nil)
	w.repo(hub.Model, "bob/secret", hub.Private, nil)
	cookie, me := w.signIn("alice"), w.actor["alice"].UserID
	send := func(repos string, more ...string) answer {
		form := url.Values{"name": {"robot"}, "role": {"fineGrained"}, "life": {"7"}, "repos": {repos}}
		for i := 0; i < len(more); i += 2 {
			form.Add(more[i], more[i+1])
		}
		return w.do(http.MethodPost, "/settings/tokens", form.Encode(), "Cookie", cookie)
	}
	for what, a := range map[string]answer{
		"nothing": send(""), "no repository": send("alice/none", "repo-may", "repo.write"), "one that is not seen": send("bob/secret", "repo-may", "repo.write"),
		"no permission": send("datasets/alice/hidden"), "odd": send("//", "repo-may", "repo.write"), "unknown permission": send("datasets/alice/hidden", "repo-may", "everything"),
		"too many": send(strings.Repeat("a/b\n", 60), "repo-may", "repo.write"), "of an organization": send("", "may", me+" org.write"),
	} {
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `role="alert"`) || !strings.Contains(a.body, `value="fineGrained" checked`) {
			t.Errorf("%s: %d %s", what, a.status, a.header.Get("X-Error-Message"))
		}
		checkPage(t, a)
	}
	if none, unseen := send("bob/none", "repo-may", "repo.write"), send("bob/secret", "repo-may", "repo.write"); strings.ReplaceAll(none.body, "bob/none", "X") != strings.ReplaceAll(unseen.body, "bob/secret", "X") {
		t.Error("what is not seen can be told from what is not there")
	}
	w.leadsTo(send("datasets/alice/hidden", "repo-may", "repo.write", "may", me+" repo.content.read", "may", strings.Repeat("ab", 12)+" org.write", "gated", "1"), "/settings/tokens")
	tokens, err := w.accounts.Tokens(t.Context(), me)
	w.must(err)
	if len(tokens) != 1 || tokens[0].Role != hub.TokenFineGrained || len(tokens[0].Scopes.Scoped) != 2 || !tokens[0].Scopes.GatedRepos {
		t.Fatalf("%+v", tokens)
	}
	page := w.get("/settings/tokens", "Cookie", cookie)
	for _, want := range []string{"alice: read repositories", "1 single repository", "Public gated repositories: read"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	checkPage(t, page)

	rotated := w.formIn(cookie, "/settings/tokens/"+tokens[0].ID+"/rotate")
	w.leadsTo(rotated, "/settings/tokens")
	_, value, _ := strings.Cut(strings.Split(rotated.header.Get("Set-Cookie"), ";")[0], "=")
	if actor, err := w.accounts.Authenticate(t.Context(), value); err != nil || actor.TokenID != tokens[0].ID {
		t.Errorf("%+v %v", actor, err)
	}
}

func TestOwnProfilePage(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	w.leadsTo(w.formIn(cookie, "/settings/profile", "full_name", "Alice Ames", "bio", "I <b>train</b>", "website", "https://alice.example/", "at-github", "@alice"), "/settings/profile?done=profile")
	page := w.get("/settings/profile", "Cookie", cookie)
	for _, want := range []string{`value="Alice Ames"`, "I &lt;b&gt;train&lt;/b&gt;", `value="https://alice.example/"`, `id="at-github" name="at-github" type="text" value="alice"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	for name, value := range map[string]string{"website": "javascript:alert(1)", "full_name": "a\x00b", "bio": strings.Repeat("x", 1001), "at-github": "https://github.com/alice"} {
		a := w.formIn(cookie, "/settings/profile", name, value)
		if a.status != http.StatusUnprocessableEntity || strings.Count(a.body, `aria-invalid="true"`) != 1 || !strings.Contains(a.body, `id="`+name+`-problem"`) {
			t.Errorf("%s: %d %s", name, a.status, a.header.Get("X-Error-Message"))
		}
		checkPage(t, a)
	}
	w.leadsTo(w.formIn(cookie, "/settings/profile", "bio", ""), "/settings/profile?done=profile")
	if page := w.get("/settings/profile", "Cookie", cookie); strings.Contains(page.body, "alice.example") {
		t.Error("what was emptied is still there")
	}
}

// upload sends a picture as a form of a page does.
func (w *world) upload(cookie, path string, file []byte) answer {
	w.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "me.png")
	w.must(err)
	_, _ = part.Write(file)
	w.must(form.Close())
	return w.do(http.MethodPost, path, b.String(), "Cookie", cookie, "Content-Type", form.FormDataContentType())
}

func TestPicture(t *testing.T) {
	w := newWorld(t, "")
	cookie := w.signIn("alice")
	var drawn bytes.Buffer
	w.must(png.Encode(&drawn, image.NewRGBA(image.Rect(0, 0, 40, 30))))
	w.leadsTo(w.upload(cookie, "/settings/picture", drawn.Bytes()), "/settings/profile?done=picture")
	if a := w.get("/api/avatars/alice"); !strings.HasSuffix(a.header.Get("Location"), ".jpg") {
		t.Errorf("%v", a.header)
	}
	if a := w.get("/settings/profile", "Cookie", cookie); !strings.Contains(a.body, "/settings/picture/remove") {
		t.Error("it cannot be removed")
	}
	for what, file := range map[string][]byte{"a text": []byte("hello"), "nothing": nil, "too large": make([]byte, 10<<20+1)} {
		a := w.upload(cookie, "/settings/picture", file)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="file-problem"`) {
			t.Errorf("%s: %d", what, a.status)
		}
		checkPage(t, a)
	}
	if a := w.formIn(cookie, "/settings/picture"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no picture at all: %d", a.status)
	}
	w.leadsTo(w.formIn(cookie, "/settings/picture/remove"), "/settings/profile?done=picture-removed")
	if a := w.get("/api/avatars/alice"); !strings.HasSuffix(a.header.Get("Location"), ".svg") {
		t.Errorf("%v", a.header)
	}
}

func TestAccountPage(t *testing.T) {
	w := newWorld(t, "")
	cookie, other := w.signIn("alice"), w.signIn("alice")
	problem := func(a answer, field string) {
		t.Helper()
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="`+field+`-problem"`) || strings.Contains(a.body, password) {
			t.Errorf("%d, not at %s: %s", a.status, field, a.header.Get("X-Error-Message"))
		}
		checkPage(t, a)
	}
	const next = "an evening walk in the woods"
	problem(w.formIn(cookie, "/settings/account/password", "current", "wrong", "new", next), "current")
	problem(w.formIn(cookie, "/settings/account/password", "current", password, "new", "short"), "new")
	problem(w.formIn(cookie, "/settings/account/email", "email", "nonsense", "email-password", password), "email")
	problem(w.formIn(cookie, "/settings/account/email", "email", "new@secret.example", "email-password", "wrong"), "email-password")
	problem(w.formIn(cookie, "/settings/account/name", "name", "bob", "name-password", password), "name")
	problem(w.formIn(cookie, "/settings/account/name", "name", "alison", "name-password", "wrong"), "name-password")
	problem(w.formIn(cookie, "/settings/account/delete", "delete-name", "bob", "delete-password", password), "delete-name")
	problem(w.formIn(cookie, "/settings/account/delete", "delete-name", "alice", "delete-password", "wrong"), "delete-password")

	w.leadsTo(w.formIn(cookie, "/settings/account/password", "current", password, "new", next), "/settings/account?done=password")
	if a := w.get("/settings/account", "Cookie", other); a.status != http.StatusSeeOther {
		t.Errorf("another session goes on: %d", a.status)
	}
	w.leadsTo(w.formIn(cookie, "/settings/account/name", "name", "alison", "name-password", next), "/settings/account?done=my-name")
	if a := w.get("/settings/account", "Cookie", cookie); !strings.Contains(a.body, "alison") {
		t.Error("the name is as it was")
	}
}
