package webui_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cairnhub/cairn/internal/hub"
)

const wantPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>`

// library is a hub with something of everything.
func library(t *testing.T) *world {
	w := newWorld(t, "")
	w.repo(hub.Model, "alice/tiny", hub.Public, map[string]string{
		"README.md": "---\nlicense: mit\ntags:\n- small\nlibrary_name: transformers\npipeline_tag: fill-mask\nodd: '" + hostile + "'\n---\n# Tiny\n\n" +
			"[a](sub/a.txt) ![p](img.png) [bad](javascript:alert(1))\n\n<script>alert(1)</script><p style=\"color:red\" onclick=\"x()\">hi</p>\n\n```python\nprint('x')\n```\n",
		"config.json":                  "{\"model_type\": \"bert\"}\n",
		"sub/a.txt":                    "one\ntwo\n</pre><script>alert(1)</script>\n",
		"sub/100% sure? #1.txt":        "odd name\n",
		"sub/<script>alert(1)<\u2215s": "x",
		"bin.dat":                      "a\x00b",
	})
	w.repo(hub.Dataset, "alice/numbers", hub.Public, map[string]string{"data.csv": "a,b\n1,2\n"})
	w.repo(hub.Space, "alice/show", hub.Public, nil)
	w.repo(hub.Model, "alice/hidden", hub.Private, map[string]string{"secret.txt": "classified"})
	return w
}

var pages = []string{
	"/", "/models", "/datasets", "/spaces", "/models?search=tiny", "/models?filter=small", "/login", "/alice", "/alice/tiny", "/ALICE/Tiny",
	"/datasets/alice/numbers", "/spaces/alice/show", "/alice/tiny/tree/main", "/alice/tiny/tree/main/sub", "/alice/tiny/tree/refs%2Fheads%2Fmain/sub",
	"/alice/tiny/blob/main/sub/a.txt", "/alice/tiny/blob/main/README.md", "/alice/tiny/blob/main/bin.dat", "/alice/tiny/blob/main/config.json",
	"/alice/tiny/blob/main/sub/100%25%20sure%3F%20%231.txt", "/alice/tiny/commit/main", "/datasets/alice/numbers/tree/main",
	"/datasets/alice/numbers/blob/main/data.csv", "/spaces/alice/show/commit/main",
	// errors are pages as well
	"/nobody", "/nobody/nothing", "/alice/tiny/tree/nope", "/alice/tiny/blob/main/nope", "/models?cursor=x", "/avatars/x.gif", "/api/nothing",
}

func TestEveryPage(t *testing.T) {
	w := library(t)
	cookie := w.signIn("alice")
	for _, who := range []string{"", cookie} {
		for _, path := range pages {
			a := w.get(path, "Cookie", who)
			if path == "/login" && who != "" {
				continue
			}
			t.Run(path, func(t *testing.T) { checkPage(t, a) })
			if strings.Contains(a.body, "@secret.example") || strings.Contains(a.body, "classified") {
				t.Errorf("%s: somebody's data", path)
			}
		}
	}
}

func checkPage(t *testing.T, a answer) {
	for key, want := range map[string]string{
		"Content-Security-Policy": wantPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		"Content-Type": "text/html; charset=utf-8", "WWW-Authenticate": "", "Access-Control-Allow-Origin": "",
	} {
		if got := a.header.Get(key); got != want {
			t.Errorf("%s: %q, want %q (%d)", key, got, want, a.status)
		}
	}
	if a.status >= 500 || !strings.Contains(a.header.Get("Cache-Control"), "no-") {
		t.Errorf("%d, Cache-Control %q", a.status, a.header.Get("Cache-Control"))
	}
	n := a.tree(t)
	for e := range n.Descendants() {
		if e.Type == html.ElementNode {
			checkElement(t, e)
		}
	}
	for _, landmark := range []string{"header", "nav", "main", "footer", "title", "h1"} {
		if len(all(n, landmark)) == 0 {
			t.Errorf("no <%s>", landmark)
		}
	}
	if k := len(all(n, "main")); k != 1 {
		t.Errorf("%d <main>", k)
	}
	if root := all(n, "html"); attr(root[0], "lang") != "en" {
		t.Error("no language")
	}
	ids := map[string]bool{}
	for e := range n.Descendants() {
		if id := attr(e, "id"); id != "" && ids[id] {
			t.Errorf("id %q twice", id)
		} else {
			ids[id] = true
		}
	}
	for _, nav := range all(n, "nav") {
		if attr(nav, "aria-label") == "" {
			t.Error("a nav without a name")
		}
	}
	for _, in := range append(all(n, "input"), all(n, "select")...) {
		if typ := attr(in, "type"); typ != "hidden" && typ != "checkbox" && !hasLabel(n, attr(in, "id")) {
			t.Errorf("<input name=%s> has no label", attr(in, "name"))
		}
	}
}

func checkElement(t *testing.T, e *html.Node) {
	t.Helper()
	switch e.Data {
	case "script", "style", "iframe", "object", "embed", "base":
		t.Errorf("<%s>: %s", e.Data, text(e))
	case "img":
		if !strings.Contains(html.UnescapeString(attrNames(e)), "alt") {
			t.Errorf("an image without alt: %s", attr(e, "src"))
		}
	}
	for _, a := range e.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s %s=%q>", e.Data, a.Key, a.Val)
		}
		if v := strings.ToLower(strings.TrimSpace(a.Val)); a.Key != "value" && strings.HasPrefix(v, "javascript:") || strings.HasPrefix(v, "vbscript:") {
			t.Errorf("<%s %s=%q>", e.Data, a.Key, a.Val)
		}
	}
}

func attrNames(e *html.Node) string {
	var names []string
	for _, a := range e.Attr {
		names = append(names, a.Key)
	}
	return strings.Join(names, " ")
}

func hasLabel(n *html.Node, id string) bool {
	for _, l := range all(n, "label") {
		if id != "" && attr(l, "for") == id {
			return true
		}
	}
	return false
}

// Every link of the pages that a visitor can reach from the start leads somewhere.
func TestLinksLead(t *testing.T) {
	w := library(t)
	seen, queue := map[string]bool{}, []string{"/"}
	for len(queue) > 0 && len(seen) < 400 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		a := w.get(path)
		if a.status == http.StatusFound && strings.HasPrefix(path, "/api/avatars/") {
			queue = append(queue, a.header.Get("Location"))
			continue
		}
		if a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || strings.Contains(path, "/resolve/") {
			continue
		}
		for _, kind := range []struct{ element, attr string }{{"a", "href"}, {"link", "href"}, {"img", "src"}} {
			for _, e := range all(a.tree(t), kind.element) {
				link, _, _ := strings.Cut(attr(e, kind.attr), "#")
				if strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "/.well-known") && !strings.HasSuffix(link, "/img.png") {
					queue = append(queue, link)
				}
			}
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d addresses: %v", len(seen), seen)
	}
}

func TestRepoPage(t *testing.T) {
	w := library(t)
	a := w.get("/alice/tiny")
	n := a.tree(t)
	if h := text(all(n, "h1")[0]); !strings.HasPrefix(h, "alice/tiny public") {
		t.Errorf("h1 %q", h)
	}
	for _, want := range []string{
		`href="/alice/tiny/blob/main/sub/a.txt"`, `src="/alice/tiny/resolve/main/img.png"`, `href="/models?filter=small"`, "hf download alice/tiny",
		"export HF_ENDPOINT=" + w.url, "&#34;fill-mask&#34;", `class="hl-`, "&lt;script&gt;alert(1)&lt;/script&gt;", "/alice/tiny/resolve/main/config.json?download=true",
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(a.body, "git clone") {
		t.Error("cloning is not there yet")
	}
	if d := w.get("/datasets/alice/numbers").body; !strings.Contains(d, "load_dataset(&#34;alice/numbers&#34;)") {
		t.Error("no snippet for datasets")
	}
}

func TestHomePage(t *testing.T) {
	w := library(t)
	a := w.get("/")
	for _, want := range []string{"export HF_ENDPOINT=" + w.url, "pip install -U huggingface_hub", "hf auth whoami", "hf upload you/my-model", `href="/alice/tiny"`,
		`href="/datasets/alice/numbers"`, `href="/spaces/alice/show"`, `href="/login"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(a.body, "hidden") {
		t.Error("a stranger sees a private repository")
	}
	a = w.get("/", "Cookie", w.signIn("alice"))
	for _, want := range []string{`href="/alice/hidden"`, "hf upload alice/my-model", `action="/logout"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("signed in: no %s", want)
		}
	}
}

func TestTreePages(t *testing.T) {
	w := newWorld(t, "")
	files := map[string]string{}
	for i := range 230 {
		files["dir/f"+string(rune('a'+i/26))+string(rune('a'+i%26))+".txt"] = "x"
	}
	w.repo(hub.Model, "alice/many", hub.Public, files)
	path, seen, count := "/alice/many/tree/main/dir", map[string]bool{}, 0
	for path != "" {
		n := w.get(path).tree(t)
		path = ""
		for _, e := range all(n, "a") {
			if h := attr(e, "href"); strings.HasPrefix(h, "/alice/many/blob/main/dir/") {
				seen[h] = true
			}
			if attr(e, "rel") == "next" {
				path = attr(e, "href")
			}
		}
		if count++; count > 5 {
			t.Fatal("the pages do not end")
		}
	}
	if len(seen) != 230 || count != 3 {
		t.Errorf("%d files on %d pages", len(seen), count)
	}
}

func TestCommitPage(t *testing.T) {
	w := library(t)
	a := w.get("/alice/tiny/commit/main")
	m := regexp.MustCompile(`<code>([0-9a-f]{40})</code>`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatal("no commit id")
	}
	a = w.get("/alice/tiny/commit/" + m[1])
	for _, want := range []string{"Add files", "config.json", "/alice/tiny/blob/" + m[1] + "/config.json", "added", "alice"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s", want)
		}
	}
	parent := regexp.MustCompile(`/alice/tiny/commit/[0-9a-f]{40}`).FindString(strings.SplitN(a.body, "Parent", 2)[1])
	if first := w.get(parent); first.status != http.StatusOK || !strings.Contains(first.body, ".gitattributes") {
		t.Errorf("the first commit: %d", first.status)
	}
}

// TestCommitShowsItsDiff: text escaped, large and other files named, and nothing of the content for who may not read it.
func TestCommitShowsItsDiff(t *testing.T) {
	w := newWorld(t, "")
	w.repo(hub.Model, "alice/files", hub.Public, map[string]string{"page.html": "<h1>x</h1>\n<script>alert(1)</script>\n", "bin": "a\x00b", "a b": "1"})
	a := w.get("/alice/files/commit/main")
	for _, want := range []string{"&#43;&lt;script&gt;alert(1)&lt;/script&gt;", "@@ -0,0 &#43;1,2 @@", "not text", `class="plus"`, "+3</span>", "/blob/"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in\n%s", want, a.body)
		}
	}
	if strings.Contains(a.body, "<script>alert") {
		t.Error("the content of a file runs")
	}
	for _, q := range []string{"?p=x", "?p=-1"} {
		if a := w.get("/alice/files/commit/main" + q); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", q, a.status)
		}
	}
}

func TestFilesShown(t *testing.T) {
	w := newWorld(t, "")
	w.repo(hub.Model, "alice/files", hub.Public, map[string]string{
		"big.txt": strings.Repeat("x", 600<<10), "bin": "a\x00b", "latin1.txt": "caf\xe9", "empty.txt": "", "page.html": "<h1>x</h1><script>alert(1)</script>",
		"many.txt": strings.Repeat("\n", 30_000), "doc/note.md": "[up](../bin) [next](other.md)",
	})
	for path, want := range map[string]string{
		"big.txt": "too large", "bin": "not text", "latin1.txt": "not text", "empty.txt": "is empty", "page.html": "&lt;script&gt;", "many.txt": "30000 lines",
		"doc/note.md": `href="/alice/files/blob/main/doc/other.md"`,
	} {
		a := w.get("/alice/files/blob/main/" + path)
		if a.status != http.StatusOK || !strings.Contains(a.body, want) || !strings.Contains(a.body, "/alice/files/resolve/main/"+path) {
			t.Errorf("%s: %d, no %q", path, a.status, want)
		}
	}
}

// What the caller may not see answers as what is not there: same status, headers and bytes.
func TestPrivateIsAbsent(t *testing.T) {
	w := library(t)
	bob := w.signIn("bob")
	for _, tail := range []string{"", "/tree/main", "/blob/main/secret.txt", "/commit/main"} {
		for _, who := range []string{"", bob} {
			for _, accept := range []string{"text/html", "*/*"} {
				hidden, absent := w.get("/alice/hidden"+tail, "Cookie", who, "Accept", accept), w.get("/alice/absent"+tail, "Cookie", who, "Accept", accept)
				for _, a := range []answer{hidden, absent} {
					a.header.Del("X-Request-Id")
					a.header.Del("Date")
				}
				if hidden.status != absent.status || hidden.body != absent.body || len(hidden.header) != len(absent.header) {
					t.Errorf("%s (%s): %d and %d, %v and %v", tail, accept, hidden.status, absent.status, hidden.header, absent.header)
				}
				if accept == "text/html" && hidden.status != http.StatusNotFound {
					t.Errorf("%s: %d", tail, hidden.status)
				}
			}
		}
		if a := w.get("/alice/hidden"+tail, "Cookie", w.signIn("alice")); a.status != http.StatusOK {
			t.Errorf("the owner: %s %d", tail, a.status)
		}
	}
	for _, path := range []string{"/", "/alice", "/models", "/models?search=hidden", "/models?author=alice"} {
		for _, who := range []string{"", bob} {
			if strings.Contains(w.get(path, "Cookie", who).body, "alice/hidden") {
				t.Errorf("%s names a private repository", path)
			}
		}
	}
}

// Names that an importer brought along do no harm in pages and in what people paste.
func TestHostileNames(t *testing.T) {
	w := newWorld(t, "")
	odd := `x'"><script>alert(1)<&`
	w.user(odd[:11])
	name := odd[:11]
	w.repo(hub.Model, name+"/m", hub.Public, map[string]string{"README.md": "hi"})
	for _, path := range []string{"/", "/models", "/x'%22%3E%3Cscript", "/x'%22%3E%3Cscript/m"} {
		a := w.get(path)
		if a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
		checkPage(t, a)
	}
	if a := w.get("/x'%22%3E%3Cscript/m"); !strings.Contains(html.UnescapeString(a.body), `hf download 'x'\''"><script/m'`) {
		t.Error("the name is not quoted for a shell")
	}
}

func TestAPIKeepsItsErrors(t *testing.T) {
	w := library(t)
	for path, want := range map[string]int{"/api/nothing": 404, "/api/models/alice/absent": 401, "/api/models": 200, "/api/whoami-v2": 401, "/nobody/nothing": 401, "/nobody": 404} {
		a := w.get(path, "Accept", "*/*")
		if a.status != want || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Content-Type"))
		}
		if code := a.header.Get("X-Error-Code"); path == "/api/nothing" && code != "" {
			t.Errorf("%s: %s", path, code)
		}
	}
}

func TestAssets(t *testing.T) {
	w := newWorld(t, "")
	n := w.get("/").tree(t)
	var sheet string
	for _, l := range all(n, "link") {
		if attr(l, "rel") == "stylesheet" {
			sheet = attr(l, "href")
		}
	}
	a := w.get(sheet, "Accept", "text/css,*/*;q=0.1")
	if !regexp.MustCompile(`^/assets/[0-9a-f]{32}\.css$`).MatchString(sheet) || a.status != 200 || a.header.Get("Content-Type") != "text/css; charset=utf-8" ||
		!strings.Contains(a.header.Get("Cache-Control"), "immutable") || !strings.Contains(a.body, "prefers-color-scheme: dark") {
		t.Errorf("%s: %d %v", sheet, a.status, a.header)
	}
	for _, bad := range []string{"url(", "@import", "expression"} {
		if strings.Contains(a.body, bad) {
			t.Errorf("the style sheet has %s", bad)
		}
	}
	if a := w.get(sheet, "If-None-Match", a.header.Get("ETag")); a.status != http.StatusNotModified {
		t.Errorf("again: %d", a.status)
	}
	for _, path := range []string{"/assets/x.css", "/assets/..%2f..%2fembed.go", "/assets/%2e%2e/embed.go"} {
		if a := w.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestAvatar(t *testing.T) {
	w := newWorld(t, "")
	for path, want := range map[string]string{"alice": ">A<", "big-org": ">BO<", "nobody_at.all": ">NA<", "%22%3E%3Cscript%3E": ">S<", "%3C%3E": ">·<", "%C3%A9t%C3%A9": ">É<"} {
		a := w.get("/avatars/" + path + ".svg")
		if a.status != 200 || a.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(a.body, want) || strings.Contains(a.body, "script") ||
			!strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || !strings.Contains(a.header.Get("Cache-Control"), "max-age") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if again := w.get("/avatars/" + path + ".svg"); again.body != a.body {
			t.Errorf("%s differs", path)
		}
	}
}
