package testhub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// Upload sends the bytes of a large file by Git LFS, for commits to point to, and returns their SHA-256.
func (h *Hub) Upload(c Caller, t hub.RepoType, id, content string) string {
	h.T.Helper()
	sum := sha256.Sum256([]byte(content))
	sha := hex.EncodeToString(sum[:])
	var out struct {
		Objects []struct {
			Actions map[string]struct {
				Href   string
				Header map[string]string
			}
		}
	}
	h.JSON(c, http.MethodPost, "/"+t.Prefix()+id+".git/info/lfs/objects/batch", map[string]any{
		"operation": "upload", "objects": []any{map[string]any{"oid": sha, "size": len(content)}}}, &out)
	if len(out.Objects) != 1 {
		h.T.Fatalf("upload: %+v", out)
	}
	up, needed := out.Objects[0].Actions["upload"]
	if !needed {
		return sha
	}
	var headers []string
	for k, v := range up.Header {
		headers = append(headers, k, v)
	}
	if a := h.Do(c, http.MethodPut, strings.TrimPrefix(up.Href, h.URL), content, headers...); a.Status != http.StatusOK {
		h.T.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	return sha
}

// CommitLarge uploads a large file, commits it to main and returns its SHA-256.
func (h *Hub) CommitLarge(c Caller, t hub.RepoType, id, path, content string) (sha string) {
	h.T.Helper()
	sha = h.Upload(c, t, id, content)
	body := `{"key":"header","value":{"summary":"add"}}` + "\n" + fmt.Sprintf(`{"key":"lfsFile","value":{"path":%q,"algo":"sha256","oid":%q,"size":%d}}`,
		path, sha, len(content)) + "\n"
	if a := h.Do(c, http.MethodPost, "/api/"+t.Plural()+"/"+id+"/commit/main", body, "Content-Type", "application/x-ndjson"); a.Status != http.StatusOK {
		h.T.Fatalf("commit: %d %s", a.Status, a.Body)
	}
	return sha
}
