package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// owner is the user whom the first start makes.
const owner = "admin"

// hub is the hub that is measured, as its clients see it.
type hub struct {
	*process
	bin, data, url, token string
	client                *http.Client
}

// hubName is what the table calls it.
const hubName = "hub"

func startHub(s *session) (*hub, error) {
	h := &hub{bin: os.Getenv("CAIRN"), data: s.path("hub"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10}}}
	if h.bin == "" {
		h.bin = s.path("cairn")
		build := exec.CommandContext(s.ctx, "go", "build", "-o", s.path("cairn"), "github.com/cairnhub/cairn/cmd/cairn")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build it: %w: %s", err, out)
		}
	}
	return h, h.start(s)
}

// start starts the process and reads its address and, the first time, its token.
func (h *hub) start(s *session) error {
	cmd := exec.Command(h.bin, "serve", "--data", h.data, "--listen", "127.0.0.1:0", "--log-level", "warn")
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = w
	h.process, err = s.start("hub", "", cmd)
	w.Close()
	if err != nil {
		return err
	}
	late := time.AfterFunc(30*time.Second, h.stop)
	defer late.Stop()
	lines := bufio.NewScanner(r)
	for h.url = ""; (h.url == "" || h.token == "") && lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if _, url, ok := strings.Cut(line, " serves "); ok {
			h.url = url
		}
		if v, ok := strings.CutPrefix(line, "export HF_TOKEN="); ok {
			h.token = v
		}
	}
	if h.url == "" || h.token == "" {
		b, _ := os.ReadFile(h.log)
		return fmt.Errorf("it gave no address; its log: %.500s", b)
	}
	go func() { _, _ = io.Copy(io.Discard, r); r.Close() }()
	h.addr = strings.TrimPrefix(h.url, "http://")
	return h.ready()
}

func (h *hub) ready() error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		resp, err := http.Get(h.url + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("it is not ready after 30 seconds")
}

// send sends a request and decodes the answer into out, if that is not nil. headers come in pairs.
func (h *hub) send(token, method, url string, body io.Reader, size int, out any, headers ...string) (http.Header, error) {
	if strings.HasPrefix(url, "/") {
		url = h.url + url
	}
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = int64(size)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return nil, fmt.Errorf("%s %s: %s %s", method, r.URL.Path, resp.Status, b)
	}
	if out != nil {
		err = json.NewDecoder(resp.Body).Decode(out)
	}
	_, e := io.Copy(io.Discard, resp.Body)
	return resp.Header, errors.Join(err, e)
}

func (h *hub) sendJSON(method, path string, body, out any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = h.send(h.token, method, path, bytes.NewReader(b), len(b), out, "Content-Type", "application/json")
	return err
}

func (h *hub) create(name string) error {
	return h.sendJSON(http.MethodPost, "/api/repos/create", map[string]any{"name": name, "organization": owner, "type": "model"}, nil)
}

// file is a file of a commit: its bytes, or those of a large one that was uploaded.
type file struct {
	path string
	data []byte
	sha  string // of a large file
	size int
}

// commitBody is a commit as clients send it.
func commitBody(files []file) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	line := func(key string, value map[string]any) { _ = enc.Encode(map[string]any{"key": key, "value": value}) }
	line("header", map[string]any{"summary": "bench"})
	for _, f := range files {
		if f.sha != "" {
			line("lfsFile", map[string]any{"path": f.path, "algo": "sha256", "oid": f.sha, "size": f.size})
		} else {
			line("file", map[string]any{"path": f.path, "content": f.data, "encoding": "base64"})
		}
	}
	return b.Bytes()
}

func (h *hub) commit(name string, body []byte) error {
	_, err := h.send(h.token, http.MethodPost, "/api/models/"+owner+"/"+name+"/commit/main", bytes.NewReader(body), len(body), nil, "Content-Type", "application/x-ndjson")
	return err
}

// putLarge uploads a large file by Git LFS.
func (h *hub) putLarge(name, sha string, data []byte) error {
	var out struct {
		Objects []struct {
			Actions map[string]struct {
				Href   string
				Header map[string]string
			}
		}
	}
	err := h.sendJSON(http.MethodPost, "/"+owner+"/"+name+".git/info/lfs/objects/batch", map[string]any{"operation": "upload", "transfers": []string{"basic"},
		"hash_algo": "sha256", "objects": []any{map[string]any{"oid": sha, "size": len(data)}}}, &out)
	if err != nil || len(out.Objects) != 1 {
		return errors.Join(err, fmt.Errorf("lfs batch: %d objects", len(out.Objects)))
	}
	up, ok := out.Objects[0].Actions["upload"]
	if !ok {
		return errors.New("lfs batch: the hub says that it has the object")
	}
	var headers []string
	for k, v := range up.Header {
		headers = append(headers, k, v)
	}
	_, err = h.send("", http.MethodPut, up.Href, bytes.NewReader(data), len(data), nil, headers...)
	return err
}

func (h *hub) resolve(name, path string) string {
	return h.url + "/" + owner + "/" + name + "/resolve/main/" + path
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
