package api

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// llama is llama.cpp's `-hf`: it asks with cpp-httplib, follows redirects, reads the first page of a listing alone, and
// sends a token only if it looks like one of the Hub's.
type llama struct {
	t *testing.T
	h *testhub.Hub
	testhub.Caller
}

const llamaAgent = "llama-cpp/b9876-0a1b2c3d"

var (
	llamaToken = regexp.MustCompile(`^hf_[A-Za-z0-9]{34,253}$`)
	hex40      = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
	hex64      = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
)

func (l llama) ask(method, path string, headers ...string) testhub.Answer {
	l.t.Helper()
	headers = append(headers, "User-Agent", llamaAgent)
	for range 5 {
		a := l.h.Do(l.Caller, method, path, nil, headers...)
		to := a.Header.Get("Location")
		if a.Status < 300 || a.Status >= 400 || to == "" {
			return a
		}
		path = strings.TrimPrefix(to, l.h.URL)
	}
	l.t.Fatal("redirects without end")
	return testhub.Answer{}
}

// commit is what the main branch points at, by the listing of refs.
func (l llama) commit(id string) string {
	l.t.Helper()
	refs := ok[struct {
		Branches []struct{ Name, TargetCommit string }
	}](l.t, "refs", l.ask(http.MethodGet, "/api/models/"+id+"/refs", "Accept", "application/json"))
	for _, b := range refs.Branches {
		if b.Name == "main" && hex40.MatchString(b.TargetCommit) {
			return b.TargetCommit
		}
	}
	l.t.Fatalf("no branch main: %+v", refs)
	return ""
}

// files is the first page of the tree: path → the name that a file has in the cache.
func (l llama) files(id, commit string) map[string]string {
	l.t.Helper()
	page := ok[[]struct {
		Type, Path, Oid string
		LFS             *struct{ Oid string }
	}](l.t, "tree", l.ask(http.MethodGet, "/api/models/"+id+"/tree/"+commit+"?recursive=true", "Accept", "application/json"))
	files := map[string]string{}
	for _, e := range page {
		if e.Type != "file" {
			continue
		}
		oid := e.Oid
		if e.LFS != nil {
			oid = e.LFS.Oid
		}
		if !hex40.MatchString(oid) && !hex64.MatchString(oid) {
			l.t.Errorf("%s has the id %q", e.Path, oid)
		}
		files[e.Path] = oid
	}
	return files
}

// fetch downloads a file, the second half in a second go, and gives its bytes and the ETag that is kept beside them.
func (l llama) fetch(path string) (string, string) {
	l.t.Helper()
	head := l.ask(http.MethodHead, path)
	if head.Status < 200 || head.Status >= 300 || head.Header.Get("ETag") == "" || head.Header.Get("Accept-Ranges") != "bytes" {
		l.t.Fatalf("HEAD %s: %d %v", path, head.Status, head.Header)
	}
	first := l.ask(http.MethodGet, path)
	if first.Status != http.StatusOK || fmt.Sprint(len(first.Body)) != head.Header.Get("Content-Length") {
		l.t.Fatalf("GET %s: %d, %d bytes, HEAD said %s", path, first.Status, len(first.Body), head.Header.Get("Content-Length"))
	}
	half := len(first.Body) / 2
	rest := l.ask(http.MethodGet, path, "Range", fmt.Sprintf("bytes=%d-", half))
	if rest.Status != http.StatusPartialContent {
		l.t.Fatalf("resume %s: %d", path, rest.Status)
	}
	if whole := string(first.Body[:half]) + string(rest.Body); whole != string(first.Body) {
		l.t.Errorf("resume %s: the bytes differ", path)
	}
	return string(first.Body), head.Header.Get("ETag")
}

func TestLlamaCpp(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		if !llamaToken.MatchString(alice.Token) {
			t.Errorf("a token that llama.cpp does not send: hf_ and 34 to 253 letters and digits, this has %d", len(alice.Token))
		}
		h.CreateRepo(alice, hub.Model, "alice/tiny-GGUF", true)
		content := map[string]string{}
		lines := []string{header("Quantised")}
		for i, name := range []string{"tiny-Q4_K_M.gguf", "BF16/tiny-BF16-00001-of-00002.gguf", "BF16/tiny-BF16-00002-of-00002.gguf", "mmproj-tiny-f16.gguf", "tiny Q8_0 (1)+.gguf", "größe-Q2_K.gguf"} {
			content[name] = strings.Repeat(fmt.Sprint("GGUF", i), 50_000)
			lines = append(lines, line("lfsFile", dict{"path": name, "algo": "sha256", "oid": putLarge(t, h, alice, "alice/tiny-GGUF", content[name]), "size": len(content[name])}))
		}
		for i := range 991 { // with the folders and the rest a first page of 1,000 that holds all of the above
			lines = append(lines, file(fmt.Sprintf("many/%03d.txt", i), "x"))
		}
		ok[dict](t, "commit", commit(h, alice, "alice/tiny-GGUF", lines...))

		l := llama{t, h, alice}
		at := l.commit("alice/tiny-GGUF")
		files := l.files("alice/tiny-GGUF", at)
		for name, want := range content {
			if !hex64.MatchString(files[name]) {
				t.Errorf("%s is not on the first page, or has the id %q", name, files[name])
			}
			path := "/alice/tiny-GGUF/resolve/" + at + "/" + (&url.URL{Path: name}).EscapedPath()
			got, etag := l.fetch(path)
			if got != want {
				t.Errorf("%s: other bytes", name)
			}
			if again := l.ask(http.MethodHead, path).Header.Get("ETag"); again != etag {
				t.Errorf("%s: the ETag changes from %s to %s, so it is downloaded again", name, etag, again)
			}
		}

		// A new name; the token still goes along, and the answer is that of the new address.
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "alice/tiny-GGUF", "toRepo": "alice/small-GGUF", "type": "model"}, nil)
		if l.commit("alice/tiny-GGUF") != at {
			t.Error("refs under the old name")
		}
		if got, _ := l.fetch("/alice/tiny-GGUF/resolve/" + at + "/tiny-Q4_K_M.gguf"); got != content["tiny-Q4_K_M.gguf"] {
			t.Error("a file under the old name")
		}

		// It prints error from the body; it must be text, and tell nothing of what is there.
		stranger := llama{t, h, testhub.Caller{}}
		for _, id := range []string{"alice/small-GGUF", "alice/absent"} {
			a := stranger.ask(http.MethodGet, "/api/models/"+id+"/refs", "Accept", "application/json")
			if said, _ := must[dict](t, a.Body)["error"].(string); a.Status != http.StatusUnauthorized || said == "" {
				t.Errorf("%s: %d %s", id, a.Status, a.Body)
			}
		}
	})
}

// Before 2026 llama.cpp asked a registry, as Ollama does. It is not served; both print what the answer says.
func TestRegistryIsRefusedInWords(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "tiny-GGUF", map[string]string{"tiny-Q4_K_M.gguf": "GGUF"})
		for _, c := range []testhub.Caller{alice, nobody} {
			for _, path := range []string{"/v2/alice/tiny-GGUF/manifests/Q4_K_M", "/v2/alice/tiny-GGUF/manifests/latest", "/v2/alice/absent/manifests/latest", "/v2/alice/tiny-GGUF/blobs/sha256:" + strings.Repeat("a", 64), "/v2/"} {
				a := get(h, c, path, "User-Agent", "llama-cpp", "Accept", "application/json")
				refused(t, path, a, http.StatusNotImplemented, "NotImplemented", "registry")
			}
		}
	})
}
