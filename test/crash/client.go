package crash

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// Client speaks to a hub as users' clients do. A status that no load may cause is kept as a complaint.
type Client struct {
	URL, Token string
	HTTP       *http.Client
	// Tries is how often a request is sent at most when the connection breaks or a proxy or the hub cannot answer, as stock
	// clients do it: reads, and uploads of what is named by its hash. A commit and a deletion are sent once. 0: once.
	Tries int
	// Proxied says that 502 and 504 may be a proxy's, who knows no more than that the connection broke.
	Proxied bool

	closed atomic.Bool

	mu         sync.Mutex
	complaints []string
}

var errClosed = errors.New("the client was closed before the request was sent")

// Close has no more requests sent; those under way go on.
func (c *Client) Close() { c.closed.Store(true) }

// NewClient makes a client of the hub as it runs now.
func NewClient(h *Hub) *Client {
	return &Client{URL: h.URL, Token: h.Token, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
}

// Sized is a body that says how many bytes it has; another reader's are sent without.
type Sized interface{ Size() int64 }

// Answer is a finished response. Status is 0 when the connection broke, with the reason in Err.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Err    error
}

// OK reports success.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

func (a Answer) String() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("%d %.300s", a.Status, a.Body)
}

// Do sends a request to a path of the hub or to a whole address, whose signature then stands for the token. body is
// bytes, a reader, or a value that becomes JSON; headers come in pairs.
func (c *Client) Do(method, path string, body any, headers ...string) Answer {
	return c.do(c.Token, method, path, body, headers...)
}

func (c *Client) do(token, method, path string, body any, headers ...string) Answer {
	_, stream := body.(io.Reader)
	again := (method == http.MethodGet || method == http.MethodHead || method == http.MethodPut || strings.Contains(path, "/v1/")) && !stream
	for try := 1; ; try++ {
		a := c.once(token, method, path, body, headers...)
		if try >= c.Tries || !again || a.Err == nil && a.Status < 500 {
			return a
		}
		time.Sleep(min(100*time.Millisecond<<try, 8*time.Second)) // as huggingface_hub waits, but for a tenth at first
	}
}

func (c *Client) once(token, method, path string, body any, headers ...string) Answer {
	if c.closed.Load() {
		return Answer{Err: errClosed}
	}
	if strings.HasPrefix(path, "/") {
		path = c.URL + path
	} else {
		token = ""
	}
	var r io.Reader
	kind := "application/octet-stream"
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	case io.Reader:
		r = b
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return Answer{Err: err}
		}
		r, kind = bytes.NewReader(text), "application/json"
	}
	req, err := http.NewRequest(method, path, r)
	if err != nil {
		return Answer{Err: err}
	}
	if b, ok := r.(Sized); ok {
		req.ContentLength = b.Size()
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{Err: err}
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Body: b}
	if c.Proxied && (a.Status == http.StatusBadGateway || a.Status == http.StatusGatewayTimeout) {
		return a
	}
	if a.Status >= 500 && a.Status != http.StatusServiceUnavailable && a.Status != http.StatusInsufficientStorage {
		c.mu.Lock()
		c.complaints = append(c.complaints, fmt.Sprintf("%s %s: %s", method, path, a))
		c.mu.Unlock()
	}
	return a
}

// Complaints are the answers that no request may get.
func (c *Client) Complaints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.complaints...)
}

// The namespace of the administrator whom the first start makes.
const owner = "admin"

func api(repo string) string { return "/api/models/" + full(repo) }

// full is a repository's path: of the administrator's own unless it names another namespace.
func full(repo string) string {
	if strings.Contains(repo, "/") {
		return repo
	}
	return owner + "/" + repo
}

// CreateRepo makes a model repository.
func (c *Client) CreateRepo(repo string) Answer {
	return c.Do(http.MethodPost, "/api/repos/create", map[string]any{"name": repo, "organization": owner, "type": "model"})
}

// DeleteRepo removes it.
func (c *Client) DeleteRepo(repo string) Answer {
	return c.Do(http.MethodDelete, "/api/repos/delete", map[string]any{"name": repo, "organization": owner, "type": "model"})
}

// CreateBranch makes a branch from main.
func (c *Client) CreateBranch(repo, branch string) Answer {
	return c.Do(http.MethodPost, api(repo)+"/branch/"+url.PathEscape(branch), map[string]any{"startingPoint": "main"})
}

// DeleteBranch removes it.
func (c *Client) DeleteBranch(repo, branch string) Answer {
	return c.Do(http.MethodDelete, api(repo)+"/branch/"+url.PathEscape(branch), nil)
}

// Change is one line of a commit: a small file, a large one that was uploaded, or a deletion.
type Change struct {
	Path  string
	Data  []byte
	Large bool
	Gone  bool
}

func (f Change) line() map[string]any {
	switch {
	case f.Gone:
		return map[string]any{"key": "deletedFile", "value": map[string]any{"path": f.Path}}
	case f.Large:
		return map[string]any{"key": "lfsFile", "value": map[string]any{"path": f.Path, "algo": "sha256", "oid": SHA(f.Data), "size": len(f.Data)}}
	}
	return map[string]any{"key": "file", "value": map[string]any{"path": f.Path, "content": f.Data, "encoding": "base64"}}
}

// Line is a change as a commit's body has it.
func Line(f Change) []byte {
	b, _ := json.Marshal(f.line()) // strings, numbers and bytes
	return append(b, '\n')
}

// Commit puts changes on a branch as NDJSON.
func (c *Client) Commit(repo, branch string, files []Change) Answer {
	return c.CommitOn(repo, branch, "", files)
}

// CommitOn does it on top of a commit, and is refused when the branch has moved; empty: wherever it is.
func (c *Client) CommitOn(repo, branch, parent string, files []Change) Answer {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	head := map[string]any{"summary": "load"}
	if parent != "" {
		head["parentCommit"] = parent
	}
	_ = enc.Encode(map[string]any{"key": "header", "value": head})
	for _, f := range files {
		b.Write(Line(f))
	}
	return c.Do(http.MethodPost, api(repo)+"/commit/"+url.PathEscape(branch), b.Bytes(), "Content-Type", "application/x-ndjson")
}

// XetToken asks for a token of kind read or write.
func (c *Client) XetToken(repo, kind string) (string, Answer) {
	a := c.Do(http.MethodGet, api(repo)+"/xet-"+kind+"-token/main", nil)
	var t struct{ AccessToken string }
	_ = json.Unmarshal(a.Body, &t)
	return t.AccessToken, a
}

// PutXet uploads files by Xet: xorbs, then the shard that names them.
func (c *Client) PutXet(t testing.TB, repo string, files ...[]byte) Answer {
	token, a := c.XetToken(repo, "write")
	if !a.OK() {
		return a
	}
	u := (&xetstoretest.Client{}).Pack(t, files...)
	for _, x := range u.Xorbs {
		if a := c.PutXorb(token, x.Hash.String(), x.Body); !a.OK() {
			return a
		}
	}
	return c.do(token, http.MethodPost, "/v1/shards", u.Bytes())
}

// PutXorb uploads one xorb.
func (c *Client) PutXorb(token, hash string, body any) Answer {
	return c.do(token, http.MethodPost, "/v1/xorbs/default/"+hash, body)
}

// PutShard registers files whose xorbs were uploaded.
func (c *Client) PutShard(token string, shard []byte) Answer {
	return c.do(token, http.MethodPost, "/v1/shards", shard)
}

// PutXorbSlowly uploads one over a time.
func (c *Client) PutXorbSlowly(token, hash string, body []byte, over time.Duration) Answer {
	const steps = 20
	r, w := io.Pipe()
	go func() {
		for i := range steps {
			time.Sleep(over / steps)
			if _, err := w.Write(body[i*len(body)/steps : (i+1)*len(body)/steps]); err != nil {
				return
			}
		}
		_ = w.Close()
	}()
	a := c.do(token, http.MethodPost, "/v1/xorbs/default/"+hash, io.Reader(r))
	_ = r.Close()
	return a
}

// LFSAddress asks where an object may be put; it is empty when the hub has the object.
func (c *Client) LFSAddress(repo string, sha string, size int) (string, Answer) {
	a := c.Do(http.MethodPost, "/"+full(repo)+".git/info/lfs/objects/batch", map[string]any{
		"operation": "upload", "transfers": []string{"basic"}, "hash_algo": "sha256",
		"objects": []any{map[string]any{"oid": sha, "size": size}}})
	var b struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}
	if a.OK() && json.Unmarshal(a.Body, &b) == nil && len(b.Objects) == 1 {
		return b.Objects[0].Actions["upload"].Href, a
	}
	return "", a
}

// PutLFS uploads an object by a plain transfer.
func (c *Client) PutLFS(repo string, data []byte) Answer {
	href, a := c.LFSAddress(repo, SHA(data), len(data))
	if !a.OK() || href == "" {
		return a
	}
	return c.Do(http.MethodPut, href, data)
}

// Resolve downloads a file.
func (c *Client) Resolve(repo, branch, path string) Answer {
	return c.Do(http.MethodGet, "/"+full(repo)+"/resolve/"+url.PathEscape(branch)+"/"+path, nil)
}

// Entry is a file of a listing.
type Entry struct {
	Type, Path, OID string
	Size            int64
	LFS             *struct {
		OID  string
		Size int64
	}
}

// Tree lists all files of a branch, page by page. found is false when there is no such branch or repository.
func (c *Client) Tree(repo, branch string) (files map[string]Entry, found bool, err error) {
	files = map[string]Entry{}
	next := api(repo) + "/tree/" + url.PathEscape(branch) + "?recursive=true&limit=1000"
	for next != "" {
		a := c.Do(http.MethodGet, next, nil)
		if a.Status == http.StatusNotFound {
			return nil, false, nil
		}
		var page []Entry
		if !a.OK() {
			return nil, false, fmt.Errorf("list %s@%s: %s", repo, branch, a)
		}
		if err := json.Unmarshal(a.Body, &page); err != nil {
			return nil, false, err
		}
		for _, e := range page {
			if e.Type == "file" {
				files[e.Path] = e
			}
		}
		next = nextPage(a.Header)
	}
	return files, true, nil
}

// nextPage is the path of the next page, from the Link header.
func nextPage(h http.Header) string {
	for _, link := range h.Values("Link") {
		target, rel, _ := strings.Cut(link, ";")
		if strings.Contains(rel, `"next"`) {
			u, err := url.Parse(strings.Trim(target, "<> "))
			if err == nil {
				return u.RequestURI()
			}
		}
	}
	return ""
}

// SHA is the SHA-256 in hex.
func SHA(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// GitID is the id that git gives a small file.
func GitID(b []byte) string {
	h := sha1.New() //nolint:gosec // git's object id
	fmt.Fprintf(h, "blob %d\x00", len(b))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}
