package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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

// BenchmarkTreePage is a page of a recursive listing, one after the other: what a page needs is as a rule in no cache of the processor.
func BenchmarkTreePage(b *testing.B) {
	h := testhub.NewUnchecked(b)
	fill(b, h, "admin/tree", 100_000)
	first := h.URL + "/api/models/admin/tree/tree/main?recursive=true&limit=1000"
	next := first
	b.ReportAllocs()
	from := processorTime()
	for b.Loop() {
		w := &sink{header: http.Header{}, status: http.StatusOK}
		r := httptest.NewRequest(http.MethodGet, next, nil)
		r.Header.Set("Authorization", "Bearer "+h.Admin.Token)
		h.Server.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("%s: %d", next, w.status)
		}
		if link, _, more := strings.Cut(strings.TrimPrefix(w.header.Get("Link"), "<"), ">"); more {
			next = link
		} else {
			next = first
		}
	}
	b.ReportMetric(float64(processorTime()-from)/float64(b.N), "cpu-ns/op")
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
