package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/testhub"
)

// resident is this process's resident memory, which is the hub's as well; 0 where the system does not tell.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// watch runs f and gives by how much resident memory rose at most meanwhile.
func watch(f func()) int64 {
	runtime.GC()
	start, most := resident(), int64(0)
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			most = max(most, resident()-start)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most
}

// stream makes a commit's body piece by piece.
func stream(pieces func(yield func(string) bool)) io.Reader {
	r, w := io.Pipe()
	go func() {
		for p := range pieces {
			if _, err := io.WriteString(w, p); err != nil {
				break
			}
		}
		_ = w.Close()
	}()
	return r
}

func sendStream(h *testhub.Hub, c testhub.Caller, path string, body io.Reader) testhub.Answer {
	return h.Do(c, http.MethodPost, path, body, "Content-Type", "application/x-ndjson")
}

// A commit of many megabytes streams: memory does not grow with it.
func TestLargeCommit(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		const n, size = 150, 800_000 // 160 MB of base64
		content := func(i int) string { return strings.Repeat(fmt.Sprintf("%07d\n", i), size/8) }
		var a testhub.Answer
		grown := watch(func() {
			a = sendStream(h, alice, "/api/models/alice/m/commit/main", stream(func(yield func(string) bool) {
				if !yield(header("many")) {
					return
				}
				for i := range n {
					if !yield(file(fmt.Sprintf("f/%03d.txt", i), content(i))) {
						return
					}
				}
			}))
		})
		if a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if grown > 120<<20 {
			t.Errorf("memory grew by %d MB for a commit of %d MB", grown>>20, n*size*4/3>>20)
		}
		if got := read(h, alice, "alice/m", "main", "f/149.txt"); got != content(149) {
			t.Error("the last file differs")
		}
		if got := len(files(h, alice, "alice/m", "main")); got != n+1 {
			t.Errorf("%d files", got)
		}
	})
}

// What is too long, too deep, too many or packed is refused in about a second, in little memory, and nothing changes.
func TestBombs(t *testing.T) {
	h := testhub.New(t)
	alice := model(h, "alice", "m", nil)
	before := head(h, alice, "alice/m", "main")
	path := "/api/models/alice/m/commit/main"
	repeat := func(first, piece string, n int) io.Reader {
		return stream(func(yield func(string) bool) {
			if !yield(first) {
				return
			}
			for range n {
				if !yield(piece) {
					return
				}
			}
		})
	}
	const mb, slack = 1 << 20, 15 // others have the machine, too
	for _, c := range []struct {
		what     string
		status   []int
		seconds  float64
		send     func() testhub.Answer
		anyExtra bool
	}{
		{"line of 200 MB", []int{413}, 3, func() testhub.Answer {
			return sendStream(h, alice, path, repeat(header("s")+`{"key":"file","value":{"path":"x","encoding":"utf-8","content":"`, strings.Repeat("a", mb), 200))
		}, false},
		{"header line of 200 MB", []int{413}, 3, func() testhub.Answer {
			return sendStream(h, alice, path, repeat(`{"key":"header","value":{"summary":"`, strings.Repeat("a", mb), 200))
		}, false},
		{"a million lines", []int{413}, 5, func() testhub.Answer {
			return sendStream(h, alice, path, repeat(header("s"), strings.Repeat(`{"key":"deletedFile","value":{"path":"x"}}`+"\n", 10_000), 100))
		}, false},
		{"a million empty lines", []int{200, 400, 413}, 5, func() testhub.Answer {
			return sendStream(h, alice, path, repeat("", strings.Repeat("\n", 10_000), 100))
		}, false},
		{"a line nested 100,000 deep", []int{400}, 1, func() testhub.Answer {
			return sendStream(h, alice, path, strings.NewReader(header("s")+`{"key":"file","value":`+strings.Repeat("[", 100_000)))
		}, false},
		{"a line nested a million deep", []int{400}, 1, func() testhub.Answer {
			return sendStream(h, alice, path, strings.NewReader(header("s")+`{"key":"file","value":{"x":`+strings.Repeat("[", 1_000_000)+strings.Repeat("]", 1_000_000)+"}}\n"))
		}, false},
		{"a JSON commit of 200 MB", []int{413}, 3, func() testhub.Answer {
			return h.Do(alice, "POST", path, repeat(`{"summary":"`, strings.Repeat("a", mb), 200), "Content-Type", "application/json")
		}, false},
		{"settings of 200 MB", []int{413}, 2, func() testhub.Answer {
			return h.Do(alice, "PUT", "/api/models/alice/m/settings", repeat(`{"x":"`, strings.Repeat("a", mb), 200))
		}, false},
		{"paths of 200 MB", []int{413}, 2, func() testhub.Answer {
			return h.Do(alice, "POST", "/api/models/alice/m/paths-info/main", repeat("paths=", strings.Repeat("a", mb), 200), "Content-Type", "application/x-www-form-urlencoded")
		}, false},
		{"100,000 candidates", []int{413}, 2, func() testhub.Answer {
			return h.Do(alice, "POST", "/api/models/alice/m/preupload/main", `{"files":[`+strings.Repeat(`{"path":"a","size":1},`, 100_000)+`{"path":"a","size":1}]}`, "Content-Type", "application/json")
		}, false},
	} {
		var a testhub.Answer
		start := time.Now()
		grown := watch(func() { a = c.send() })
		took := time.Since(start)
		if !containsInt(c.status, a.Status) {
			t.Errorf("%s: %d %.200s", c.what, a.Status, a.Body)
		}
		if took.Seconds() > slack*c.seconds || grown > 160<<20 {
			t.Errorf("%s: took %v and %d MB", c.what, took, grown>>20)
		}
	}
	for _, route := range []struct{ method, path, contentType string }{
		{"POST", path, "application/x-ndjson"}, {"POST", path, "application/json"}, {"PUT", "/api/models/alice/m/settings", "application/json"},
		{"POST", "/api/repos/create", "application/json"}, {"POST", "/api/models/alice/m/preupload/main", "application/json"},
		{"POST", "/api/models/alice/m/paths-info/main", "application/x-www-form-urlencoded"}, {"POST", "/api/validate-yaml", "application/json"},
		{"POST", "/api/models/alice/m/branch/x", "application/json"}, {"POST", "/api/models/alice/m/tag/main", "application/json"},
	} {
		a := h.Do(alice, route.method, route.path, gzipped(64<<20), "Content-Type", route.contentType, "Content-Encoding", "gzip")
		if a.Status != 400 && a.Status != 413 && a.Status != 415 {
			t.Errorf("%s %s packed: %d %s", route.method, route.path, a.Status, a.Body)
		}
	}
	if got := head(h, alice, "alice/m", "main"); got != before {
		t.Error("something changed")
	}
}

func containsInt(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

func gzipped(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.CopyN(w, zeros{}, int64(n))
	_ = w.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
