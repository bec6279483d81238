package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// sink is a connection that takes everything at once.
type sink struct {
	header http.Header
	status int
	n      int64
}

func (w *sink) Header() http.Header { return w.header }
func (w *sink) WriteHeader(s int)   { w.status = s }
func (w *sink) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

// repeat serves the same request over and over, without a network.
func repeat(b *testing.B, h *testhub.Hub, method, path, span string) {
	b.Helper()
	first := httptest.NewRequest(method, h.URL+path, nil)
	first.Header.Set("Authorization", "Bearer "+h.Admin.Token)
	if span != "" {
		first.Header.Set("Range", "bytes="+span)
	}
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: http.Header{}, status: http.StatusOK}
		r := *first
		u := *first.URL
		r.URL = &u
		h.Server.ServeHTTP(w, &r)
		if w.status >= http.StatusMultipleChoices {
			b.Fatalf("%s %s: %d", method, path, w.status)
		}
	}
}

// one makes a hub with a repository that has a small file and a large one that is not compressible.
func one(b *testing.B, size int) *testhub.Hub {
	b.Helper()
	h := testhub.NewUnchecked(b)
	fill(b, h, "admin/one", 3)
	data := make([]byte, size)
	x := uint64(88172645463325252)
	for i := range data {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		data[i] = byte(x)
	}
	sha := h.Upload(h.Admin, hub.Model, "admin/one", string(data))
	h.JSON(h.Admin, http.MethodPost, "/api/models/admin/one/commit/main", map[string]any{"summary": "large",
		"lfsFiles": []any{map[string]any{"path": "big.bin", "algo": "sha256", "oid": sha, "size": size}}}, nil)
	return h
}

// BenchmarkRequest is the hub's share of the requests that clients send most.
func BenchmarkRequest(b *testing.B) {
	h := one(b, 1<<20)
	for _, c := range []struct{ name, method, path, span string }{
		{"head", http.MethodHead, "/admin/one/resolve/main/big.bin", ""},
		{"info", http.MethodGet, "/api/models/admin/one", ""},
		{"small", http.MethodGet, "/admin/one/resolve/main/d001/s00/f000001.txt", ""},
		{"range", http.MethodGet, "/admin/one/resolve/main/big.bin", "8-65543"},
	} {
		b.Run(c.name, func(b *testing.B) { repeat(b, h, c.method, c.path, c.span) })
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDownload is what a download takes in processor time, over loopback, beside one of a bare file by the kernel.
func BenchmarkDownload(b *testing.B) {
	const size = 256 << 20
	h := one(b, size)
	bare := filepath.Join(b.TempDir(), "bare")
	if err := os.WriteFile(bare, make([]byte, size), 0o600); err != nil {
		b.Fatal(err)
	}
	kernel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bare) }))
	defer kernel.Close()
	spent := map[string]time.Duration{}
	pull := func(name, url string) {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.Admin.Token)
		from := processorTime()
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 512<<10))
		_ = resp.Body.Close()
		if err != nil || n != size {
			b.Fatalf("%s: %d bytes, %v", name, n, err)
		}
		spent[name] += processorTime() - from
	}
	pull("hub", h.URL+"/admin/one/resolve/main/big.bin") // from the disk
	clear(spent)
	b.SetBytes(2 * size)
	for b.Loop() {
		pull("hub", h.URL+"/admin/one/resolve/main/big.bin")
		pull("kernel", kernel.URL)
	}
	b.ReportMetric(spent["hub"].Seconds()/float64(b.N)/size*(1<<30), "cpu-s/GiB")
	b.ReportMetric(spent["kernel"].Seconds()/spent["hub"].Seconds(), "of-sendfile")
}
