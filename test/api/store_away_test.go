package api

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// TestDownloadsFromAStoreThatFails (F5): a download whose first byte cannot be read is answered as the error that it is, so
// that clients wait and try again, and not by a connection that breaks after a status of success. The first byte leaves when
// it is there; what fails later can only be cut.
func TestDownloadsFromAStoreThatFails(t *testing.T) {
	t.Parallel()
	h, p := behindProxy(t)
	alice := h.Member("alice", false)
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	r := rand.New(rand.NewPCG(7, 7))
	b := make([]byte, 3<<20)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	content := string(b)
	h.CommitLarge(alice, hub.Model, "alice/m", "w.bin", content)
	const path = "/alice/m/resolve/main/w.bin"
	object := lfsDownload(h, alice, "alice/m", content)
	whole := []string{"Range", ""}
	asks := []struct {
		path    string
		headers []string
	}{
		{path, whole}, {path, []string{"Range", "bytes=5-9"}}, {path, []string{"Range", "bytes=1-2,2000000-2000009"}},
		{object, whole}, {object, []string{"Range", "bytes=5-9"}},
	}
	p.Set(blobtest.Faults{Refuse: 1})
	var asking sync.WaitGroup // each takes as long as the hub is patient with its store
	for _, ask := range asks {
		asking.Go(func() {
			a := h.Do(alice, http.MethodGet, ask.path, nil, ask.headers...)
			if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(string(a.Body), "try again") {
				t.Errorf("%s %v: %d %v %.200s", ask.path, ask.headers, a.Status, a.Header, a.Body)
			}
			for _, of := range []string{"ETag", "Content-Range", "Content-Disposition", "Accept-Ranges", "X-Linked-Etag", "X-Xet-Hash", "Link"} {
				if v := a.Header.Get(of); v != "" {
					t.Errorf("%s %v: the error says %s: %s", ask.path, ask.headers, of, v)
				}
			}
		})
	}
	asking.Wait()
	if a := h.Do(alice, http.MethodHead, path, nil); a.Status != http.StatusOK || a.Header.Get("X-Linked-Size") == "" {
		t.Errorf("HEAD: %d %v", a.Status, a.Header)
	}
	p.Set(blobtest.Faults{})
	for _, ask := range []string{path, object} {
		if a := h.Do(alice, http.MethodGet, ask, nil); a.Status != http.StatusOK || string(a.Body) != content {
			t.Errorf("%s afterwards: %d, %d bytes", ask, a.Status, len(a.Body))
		}
	}
}

// lfsDownload is where a Git LFS client gets an object, on this hub.
func lfsDownload(h *testhub.Hub, c testhub.Caller, id, content string) string {
	h.T.Helper()
	sum := sha256.Sum256([]byte(content))
	var out struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}
	h.JSON(c, http.MethodPost, "/"+id+".git/info/lfs/objects/batch", map[string]any{
		"operation": "download", "objects": []any{map[string]any{"oid": hex.EncodeToString(sum[:]), "size": len(content)}}}, &out)
	if len(out.Objects) != 1 {
		h.T.Fatalf("%+v", out)
	}
	return strings.TrimPrefix(out.Objects[0].Actions["download"].Href, h.URL)
}
