package api

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/testhub"
)

// illegal names leave the repository, touch git's folder, or cannot stand in a header. Each is refused by every
// operation, and nothing changes anywhere.
var illegal = []string{
	"", ".", "..", "/", "/etc/passwd", "a//b", "a/", "/a", "./a", "a/./b", "../a", "a/../b", "a/..", "..\\a", "..\\..\\a",
	".git", ".git/config", "a/.git", "a/.git/hooks/pre-commit", ".GIT/config", ".Git", "git~1", "GIT~1/config", ".git ", ".git.", ".git . .", ".git::$INDEX_ALLOCATION",
	".g\u200cit", ".gi\u200dt/x", "\ufeff.git", ".git\u202e", "a\\.git\\config", ".git\\config",
	"a\x00b", "a\nb", "a\rb", "\r\nX-Evil: 1", "a\tb", "a\x1bb", "a\x7fb", strings.Repeat("n", 256), strings.Repeat("d/", 600) + "x", "a/" + strings.Repeat("é", 128),
}

// legal names are kept byte for byte.
var legal = []string{
	"A b.txt", "100%.txt", "100%25.txt", "a#b?c=d&e", "a;b", "a:b", "C:x", "CON", "NUL.txt", "a\\b", "folder/..\\..\\..\\file", "~", "-rf", "--help", "*", "$(x)", "`x`", "'\"<>|",
	"...", "..a", "a..", ".gitmodules-not", ".gitfoo", "git", "git~2", ".hidden/.also", "a+b", "a=b", "@", "@{x}", "HEAD", "refs/heads/main", "resolve/main/x", "tree", "caf\u00e9", "cafe\u0301", "日本語/ファイル.txt",
	"\u202ertl", "emoji-🤗.md", "\u00a0nbsp", strings.Repeat("n", 255), strings.Repeat("d/", 100) + "x", "%2e%2e", "%2e%2e%2fx", "%00", "a%2Fb", "%", "a/b.safetensors", " lead", "trail ", "a,b", "(1)", "[x]", "{y}", "^", "!",
}

func TestIllegalNames(t *testing.T) {
	data := t.TempDir()
	h := testhub.New(t, func(c *config.Config) { relocate(t, c, filepath.Join(data, "hub")) })
	alice := model(h, "alice", "m", map[string]string{"a0": "1", "d/e": "2"})
	before, list := head(h, alice, "alice/m", "main"), entries(t, data)
	for n, name := range illegal {
		for what, body := range map[string]string{
			"file": file(name, "x"), "lfsFile": line("lfsFile", dict{"path": name, "algo": "sha256", "oid": strings.Repeat("ab", 32)}),
			"delete": line("deletedFile", dict{"path": name}), "copy to": line("copyFile", dict{"path": name, "srcPath": "a0"}),
			"copy from": line("copyFile", dict{"path": "ok", "srcPath": name}), "move to": line("file", dict{"path": name, "oldPath": "a0"}),
		} {
			a := commit(h, alice, "alice/m", header("s"), body)
			if a.Status != 422 && a.Status != 400 && (a.Status != 404 || !strings.Contains(what, "from") && what != "delete") {
				t.Errorf("%s %q: %d %s", what, name, a.Status, a.Body)
			}
		}
		if name != "d/" { // a folder's name may end in a slash
			if a := commit(h, alice, "alice/m", header("s"), line("deletedFolder", dict{"path": name})); a.Status < 400 || a.Status >= 500 {
				t.Errorf("delete folder %q: %d %s", name, a.Status, a.Body)
			}
		}
		if a := post(h, alice, "/api/models/alice/m/preupload/main", dict{"files": []dict{{"path": name, "size": 1}}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("preupload %q: %d %s", name, a.Status, a.Body)
		}
		if a := post(h, alice, "/api/repos/create", dict{"name": fmt.Sprint("with-file-", n), "files": []dict{{"path": name, "content": "x"}}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("create with %q: %d %s", name, a.Status, a.Body)
		}
		if got := ok[[]any](t, "paths-info", post(h, alice, "/api/models/alice/m/paths-info/main", dict{"paths": []string{name}})); len(got) != 0 {
			t.Errorf("paths-info %q: %v", name, got)
		}
		if strings.Trim(name, "/.") == "" { // the client itself takes these out of an address
			continue
		}
		for _, door := range []string{"/alice/m/resolve/main/", "/alice/m/raw/main/", "/api/models/alice/m/tree/main/"} {
			if a := get(h, alice, door+url.PathEscape(name)); a.Status == 200 && !strings.HasSuffix(name, "/") || a.Status >= 500 {
				t.Errorf("%s%q: %d", door, name, a.Status)
			}
		}
	}
	// A lone surrogate and broken UTF-8 cannot be written in JSON other than as what they are not.
	for _, raw := range []string{`"\ud800x"`, "\"a\xff\xfeb\""} {
		a := commit(h, alice, "alice/m", header("s"), `{"key":"file","value":{"path":`+raw+`,"content":""}}`+"\n")
		if a.Status == 200 {
			for path := range files(h, alice, "alice/m", "main") {
				if strings.ToValidUTF8(path, "") != path {
					t.Errorf("%s became %q", raw, path)
				}
			}
			before = head(h, alice, "alice/m", "main")
		}
	}
	if got := head(h, alice, "alice/m", "main"); got != before {
		t.Errorf("a refused name changed the branch: %v", files(h, alice, "alice/m", "main"))
	}
	if after := entries(t, data); after != list {
		t.Errorf("files outside the hub's folder: %s, were %s", after, list)
	}
}

// relocate moves a hub that was configured for another folder.
func relocate(t *testing.T, c *config.Config, data string) {
	t.Helper()
	moved, err := config.Load(map[string]string{"data": data}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	*c = *moved
}

// entries lists what is in a folder.
func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}

func TestLegalNames(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		lines := []string{header("names")}
		for i, name := range legal {
			lines = append(lines, file("t/"+name, fmt.Sprint("content ", i)))
		}
		if a := commit(h, alice, "alice/m", lines...); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		have := files(h, alice, "alice/m", "main")
		var paths []string
		for i, name := range legal {
			path, content := "t/"+name, fmt.Sprint("content ", i)
			paths = append(paths, path)
			sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
			if have[path] != hex.EncodeToString(sum[:]) {
				t.Errorf("tree lacks %q", path)
			}
			for _, form := range []string{escape(path), url.PathEscape(path)} {
				for _, method := range []string{"GET", "HEAD"} {
					a := h.Do(alice, method, "/alice/m/resolve/main/"+form, nil)
					if a.Status != 200 || method == "GET" && string(a.Body) != content || a.Header.Get("Content-Length") != fmt.Sprint(len(content)) {
						t.Errorf("%s %q as %s: %d %q", method, path, form, a.Status, a.Body)
					}
				}
			}
			if got := get(h, alice, "/alice/m/raw/main/"+escape(path)); string(got.Body) != content {
				t.Errorf("raw %q: %d %q", path, got.Status, got.Body)
			}
		}
		for _, body := range []any{dict{"paths": paths}, url.Values{"paths": paths}.Encode()} {
			var a testhub.Answer
			if text, isForm := body.(string); isForm {
				a = h.Do(alice, http.MethodPost, "/api/models/alice/m/paths-info/main", text, "Content-Type", "application/x-www-form-urlencoded")
			} else {
				a = post(h, alice, "/api/models/alice/m/paths-info/main", body)
			}
			var got []string
			for _, e := range ok[[]struct{ Path string }](t, "paths-info", a) {
				got = append(got, e.Path)
			}
			if x, y := mustJSON(got), mustJSON(paths); x != y {
				t.Errorf("paths-info: %s instead of %s", x, y)
			}
		}
		if got := len(have); got != len(legal)+1 {
			t.Errorf("%d files for %d names", got, len(legal))
		}
	})
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
