package api

import (
	"net/http"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// What an address leads to is kept while nothing changes, and not a moment longer.
func TestKeptAnswersFollowChanges(t *testing.T) {
	t.Parallel()
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"a.txt": "one", "empty": ""})
		const at = "/alice/m/resolve/main/a.txt"
		want := func(c testhub.Caller, body string, headers ...string) testhub.Answer {
			t.Helper()
			var last testhub.Answer
			for range 3 {
				if a := h.Do(c, http.MethodHead, at, nil); a.Status != http.StatusOK || len(a.Body) != 0 {
					t.Fatalf("HEAD: %d %q", a.Status, a.Body)
				}
				if last = h.Do(c, http.MethodGet, at, nil, headers...); string(last.Body) != body {
					t.Fatalf("%d %q, want %q", last.Status, last.Body, body)
				}
			}
			return last
		}
		one := want(alice, "one")
		if a := want(alice, "ne", "Range", "bytes=1-"); a.Status != http.StatusPartialContent || a.Header.Get("Content-Range") != "bytes 1-2/3" {
			t.Errorf("range: %d %v", a.Status, a.Header)
		}
		want(testhub.Caller{}, "one")
		if a := get(h, alice, "/alice/m/resolve/main/empty"); a.Status != http.StatusOK || len(a.Body) != 0 {
			t.Errorf("empty: %d %q", a.Status, a.Body)
		}
		if a := get(h, alice, at+"?download=true"); a.Header.Get("Content-Disposition") != `attachment; filename*=UTF-8''a.txt; filename="a.txt"` {
			t.Error("download:", a.Header)
		}
		if a := want(alice, "one"); a.Header.Get("Content-Disposition") != `inline; filename*=UTF-8''a.txt; filename="a.txt"` {
			t.Error("after a download:", a.Header)
		}

		ok[dict](t, "commit", commit(h, alice, "alice/m", header("two"), file("a.txt", "two")))
		two := want(alice, "two")
		if one.Header.Get("ETag") == two.Header.Get("ETag") || one.Header.Get("X-Repo-Commit") == two.Header.Get("X-Repo-Commit") {
			t.Error("the new file is announced as the old one:", two.Header)
		}
		h.JSON(alice, http.MethodPut, "/api/models/alice/m/settings", dict{"private": true}, nil)
		if a := get(h, testhub.Caller{}, at); a.Status != http.StatusUnauthorized {
			t.Errorf("private, for nobody: %d", a.Status)
		}
		want(alice, "two")
		ok[dict](t, "delete", commit(h, alice, "alice/m", header("gone"), line("deletedFile", dict{"path": "a.txt"})))
		if a := get(h, alice, at); a.Status != http.StatusNotFound || a.Header.Get("X-Repo-Commit") == "" {
			t.Errorf("deleted: %d %v", a.Status, a.Header)
		}
	})
}
