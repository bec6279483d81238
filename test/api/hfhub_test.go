package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// The crate hf-hub, as candle and text-embeddings-inference use it. test/compat runs the crate itself where cargo is; this
// holds the shapes of its questions everywhere.
func TestHfHubCrate(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		body := strings.Repeat("w", 300_000)
		alice := model(h, "alice", "m", map[string]string{"config.json": "{}"})
		sha := putLarge(t, h, alice, "alice/m", body)
		ok[dict](t, "commit", commit(h, alice, "alice/m", header("Weights"), line("lfsFile", dict{"path": "w.safetensors", "algo": "sha256", "oid": sha, "size": len(body)})))
		at := head(h, alice, "alice/m", "main")
		agent := []string{"User-Agent", "unknown/None; hf-hub/0.4.3; rust/unknown"}

		// 0.4 and 0.5: information of a revision, then a range of one byte for what a file is, then ranges of it.
		for _, rev := range []string{"main", at, "refs/heads/main"} {
			info := ok[struct {
				Sha      string
				Siblings []struct{ Rfilename string }
			}](t, "info", get(h, alice, "/api/models/alice/m/revision/"+url.PathEscape(rev), agent...))
			if info.Sha != at || len(info.Siblings) != 3 {
				t.Errorf("%s: %+v", rev, info)
			}
			a := get(h, alice, "/alice/m/resolve/"+url.PathEscape(rev)+"/w.safetensors", append(agent, "Range", "bytes=0-0")...)
			etag := a.Header.Get("X-Linked-Etag")
			if etag == "" {
				etag = a.Header.Get("ETag")
			}
			if a.Status != http.StatusPartialContent || a.Header.Get("X-Repo-Commit") != at || strings.Trim(etag, `"`) != sha || a.Header.Get("Content-Range") != fmt.Sprintf("bytes 0-0/%d", len(body)) {
				t.Errorf("%s: %d %v", rev, a.Status, a.Header)
			}
			if a := get(h, alice, "/alice/m/resolve/"+url.PathEscape(rev)+"/w.safetensors", append(agent, "Range", "bytes=100000-299999")...); string(a.Body) != body[100_000:] {
				t.Errorf("%s: a range of %d bytes", rev, len(a.Body))
			}
		}

		// 1.0: HEAD, and later HEAD with what it has.
		for path, oid := range map[string]string{"w.safetensors": sha, "config.json": ""} {
			first := h.Do(alice, http.MethodHead, "/alice/m/resolve/main/"+path, nil, "User-Agent", "hf-hub/1.0.0; rust")
			etag := first.Header.Get("ETag")
			if first.Status != http.StatusOK || first.Header.Get("X-Repo-Commit") != at || oid != "" && strings.Trim(etag, `"`) != oid || oid != "" && len(first.Header.Get("X-Xet-Hash")) != 64 {
				t.Errorf("%s: %d %v", path, first.Status, first.Header)
			}
			again := h.Do(alice, http.MethodHead, "/alice/m/resolve/main/"+path, nil, "If-None-Match", etag)
			if again.Status != http.StatusNotModified || again.Header.Get("ETag") != etag || again.Header.Get("X-Repo-Commit") != at {
				t.Errorf("%s again: %d %v", path, again.Status, again.Header)
			}
		}
	})
}
