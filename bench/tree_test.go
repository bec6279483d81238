package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// fill commits n small files spread over folders.
func fill(b *testing.B, h *testhub.Hub, id string, n int) {
	b.Helper()
	h.CreateRepo(h.Admin, hub.Model, id, false)
	for from := 0; from < n; from += 10_000 {
		files := map[string]string{}
		for k := from; k < min(n, from+10_000); k++ {
			files[fmt.Sprintf("d%03d/s%02d/f%06d.txt", k%200, k/200%50, k)] = fmt.Sprintf("file %d", k)
		}
		h.Commit(h.Admin, hub.Model, id, "main", files)
	}
}

// get serves one request without a network.
func get(b *testing.B, h *testhub.Hub, path string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, h.URL+path, nil)
	r.Header.Set("Authorization", "Bearer "+h.Admin.Token)
	w := httptest.NewRecorder()
	h.Server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

func BenchmarkTreePage(b *testing.B) {
	h := testhub.NewUnchecked(b)
	fill(b, h, "admin/tree", 100_000)
	for b.Loop() {
		get(b, h, "/api/models/admin/tree/tree/main?recursive=true&limit=1000")
	}
}

func BenchmarkHeadResolve(b *testing.B) {
	h := testhub.NewUnchecked(b)
	fill(b, h, "admin/small", 100)
	for b.Loop() {
		get(b, h, "/admin/small/resolve/main/d001/s00/f000001.txt")
	}
}

func BenchmarkRepoInfo(b *testing.B) {
	h := testhub.NewUnchecked(b)
	fill(b, h, "admin/small", 3)
	for b.Loop() {
		get(b, h, "/api/models/admin/small")
	}
}

// BenchmarkCommit is a commit of one file into repositories of 100 and of 100,000 files: the costs must be alike.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := testhub.NewUnchecked(b)
			fill(b, h, "admin/c", n)
			i := 0
			for b.Loop() {
				i++
				h.Commit(h.Admin, hub.Model, "admin/c", "main", map[string]string{"top.txt": fmt.Sprint(i)})
			}
		})
	}
}
