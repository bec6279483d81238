// Package api tests what the HTTP API promises, topic by topic, on both kinds of storage, through the network alone.
// Package testhub holds every answer to the contract besides.
package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

var nobody = testhub.Caller{}

// each is testhub.Each for tests that may run beside others.
func each(t *testing.T, f func(t *testing.T, h *testhub.Hub)) {
	t.Helper()
	t.Parallel()
	for name, start := range map[string]func(testing.TB, ...func(*config.Config)) *testhub.Hub{"sqlite+folder": testhub.New, "postgres+s3": testhub.NewScaled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, start(t))
		})
	}
}

type dict = map[string]any

// leaks are words that no user should read in an error.
var leaks = []string{"sqlite", "SQL logic", "panic", "goroutine", "runtime error", "/tmp/", ".go:", "pgx", "SQLSTATE"}

// refused checks an error from head to foot.
func refused(t *testing.T, what string, a testhub.Answer, status int, code string, words ...string) {
	t.Helper()
	msg := a.Header.Get("X-Error-Message")
	if a.Status != status || a.Header.Get("X-Error-Code") != code || msg == "" {
		t.Errorf("%s: %d %q %q, want %d %q", what, a.Status, a.Header.Get("X-Error-Code"), msg, status, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(msg, w) {
			t.Errorf("%s: the message %q lacks %q", what, msg, w)
		}
	}
	var body dict
	if len(a.Body) > 0 && (json.Unmarshal(a.Body, &body) != nil || body["error"] == nil) {
		t.Errorf("%s: the body is no JSON object with error: %s", what, a.Body)
	}
	for _, w := range leaks {
		if strings.Contains(string(a.Body), w) {
			t.Errorf("%s: the body leaks %q: %s", what, w, a.Body)
		}
	}
}

// ok checks for success and decodes.
func ok[T any](t *testing.T, what string, a testhub.Answer) (v T) {
	t.Helper()
	if a.Status >= 300 {
		t.Fatalf("%s: %d %s", what, a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("%s: %v in %.200s", what, err, a.Body)
	}
	return v
}

func get(h *testhub.Hub, c testhub.Caller, path string, headers ...string) testhub.Answer {
	h.T.Helper()
	return h.Do(c, http.MethodGet, path, nil, headers...)
}

func post(h *testhub.Hub, c testhub.Caller, path string, body any) testhub.Answer {
	h.T.Helper()
	return h.Do(c, http.MethodPost, path, body)
}

// line is a line of a commit.
func line(key string, value dict) string {
	b, err := json.Marshal(dict{"key": key, "value": value})
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func header(summary string) string { return line("header", dict{"summary": summary}) }

func file(path, content string) string {
	return line("file", dict{"path": path, "content": base64.StdEncoding.EncodeToString([]byte(content)), "encoding": "base64"})
}

// commit sends NDJSON to the main branch of a model.
func commit(h *testhub.Hub, c testhub.Caller, id string, lines ...string) testhub.Answer {
	h.T.Helper()
	return commitTo(h, c, id, "main", lines...)
}

func commitTo(h *testhub.Hub, c testhub.Caller, id, rev string, lines ...string) testhub.Answer {
	h.T.Helper()
	return h.Do(c, http.MethodPost, "/api/models/"+id+"/commit/"+url.PathEscape(rev), strings.Join(lines, ""), "Content-Type", "application/x-ndjson")
}

// read gives a file's content, or the status where there is none.
func read(h *testhub.Hub, c testhub.Caller, id, rev, path string) string {
	h.T.Helper()
	a := get(h, c, "/"+id+"/resolve/"+url.PathEscape(rev)+"/"+escape(path))
	if a.Status != http.StatusOK {
		return "(" + http.StatusText(a.Status) + ")"
	}
	return string(a.Body)
}

// escape encodes each segment of a path.
func escape(path string) string {
	segs := strings.Split(path, "/")
	for i, s := range segs {
		segs[i] = url.PathEscape(s)
	}
	return strings.Join(segs, "/")
}

// head is the commit that a revision means.
func head(h *testhub.Hub, c testhub.Caller, id, rev string) string {
	h.T.Helper()
	return ok[struct{ Sha string }](h.T.(*testing.T), "head", get(h, c, "/api/models/"+id+"/revision/"+url.PathEscape(rev))).Sha
}

// model makes a user and a model with files.
func model(h *testhub.Hub, user, name string, files map[string]string) testhub.Caller {
	h.T.Helper()
	c := h.User(user)
	h.CreateRepo(c, hub.Model, user+"/"+name, false)
	if len(files) > 0 {
		h.Commit(c, hub.Model, user+"/"+name, "main", files)
	}
	return c
}

func must[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %.300s", err, b)
	}
	return v
}

// putLarge uploads a large file by LFS and gives its SHA-256.
func putLarge(t *testing.T, h *testhub.Hub, c testhub.Caller, id, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	sha := hex.EncodeToString(sum[:])
	type object struct {
		Actions map[string]struct {
			Href   string
			Header map[string]string
		}
	}
	a := h.Do(c, http.MethodPost, "/"+id+".git/info/lfs/objects/batch", dict{"operation": "upload", "transfers": []string{"basic"}, "objects": []dict{{"oid": sha, "size": len(text)}}},
		"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
	up := ok[struct{ Objects []object }](t, "batch", a).Objects[0].Actions["upload"]
	if up.Href == "" {
		return sha // it is there
	}
	headers := []string{"Content-Type", "application/octet-stream"}
	for k, v := range up.Header {
		headers = append(headers, k, v)
	}
	if a := h.Do(nobody, http.MethodPut, strings.TrimPrefix(up.Href, h.URL), text, headers...); a.Status >= 300 {
		t.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	return sha
}
