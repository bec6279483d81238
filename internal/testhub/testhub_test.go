package testhub_test

import (
	"net/http"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// The smallest useful day: sign in, create, commit, list, read.
func TestFirstSteps(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.JSON(alice, http.MethodGet, "/api/whoami-v2", nil, nil)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		oid := h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"README.md": "---\nlicense: mit\n---\n# hi\n", "a/b.txt": "hello"})
		a := h.Do(alice, http.MethodGet, "/alice/m/resolve/main/a/b.txt", nil)
		if a.Status != http.StatusOK || string(a.Body) != "hello" || a.Header.Get("X-Repo-Commit") != oid {
			t.Fatalf("%d %s %v", a.Status, a.Body, a.Header)
		}
		if a := h.Do(testhub.Caller{}, http.MethodGet, "/alice/m/resolve/main/a/b.txt", nil); a.Status != http.StatusUnauthorized {
			t.Fatalf("a stranger read a private file: %d", a.Status)
		}
		h.JSON(alice, http.MethodGet, "/api/models/alice/m", nil, nil)
		h.JSON(alice, http.MethodGet, "/api/models/alice/m/tree/main?recursive=true&expand=true", nil, nil)
		h.JSON(alice, http.MethodGet, "/api/models/alice/m/commits/main", nil, nil)
		h.JSON(alice, http.MethodGet, "/api/models?author=alice&full=true", nil, nil)
	})
}
