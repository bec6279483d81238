//go:build torture

package torture

import (
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// TestFewDescriptors gives the hub 256 descriptors and more clients than that: it may refuse some, but it lives, answers
// none with a server's error, and serves all who come later.
func TestFewDescriptors(t *testing.T) {
	const uploads, downloads, size = 64, 200, 20 << 20
	h, c, data := fewDescriptors(t, size)
	want := crash.SHA(data)
	c.HTTP = manyClients
	var done, refused atomic.Int64
	measure(t, h, "64 uploads and 200 downloads through 256 descriptors", func() {
		all(uploads+downloads, func(i int) {
			if i >= uploads {
				a := c.Do(http.MethodGet, "/admin/few/resolve/main/big.bin", nil)
				if a.OK() && crash.SHA(a.Body) != want {
					t.Errorf("download %d: wrong bytes", i)
				}
				count(a, &done, &refused)
				return
			}
			count(c.PutLFS("few", xetstoretest.Random(uint64(100+i), 5<<20)), &done, &refused)
		})
	})
	t.Logf("%d done, %d refused or cut", done.Load(), refused.Load())
	for _, w := range c.Complaints() {
		t.Error(w)
	}
	if a := c.Resolve("few", "main", "big.bin"); !a.OK() || crash.SHA(a.Body) != want {
		t.Errorf("afterwards: %d %v", a.Status, a.Err)
	}
}

// fewDescriptors is a hub with 256 of them that has a large file of random bytes, few/big.bin.
func fewDescriptors(t *testing.T, size int) (*crash.Hub, *crash.Client, []byte) {
	t.Helper()
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.Files = 256
	h.MustStart(t)
	c := crash.NewClient(h)
	if a := c.CreateRepo("few"); !a.OK() {
		t.Fatal(a)
	}
	data := xetstoretest.Random(1, size)
	if a := c.PutLFS("few", data); !a.OK() {
		t.Fatal(a)
	}
	if a := c.Commit("few", "main", []crash.Change{{Path: "big.bin", Data: data, Large: true}}); !a.OK() {
		t.Fatal(a)
	}
	return h, c, data
}

func count(a crash.Answer, done, refused *atomic.Int64) {
	if a.OK() {
		done.Add(1)
	} else {
		refused.Add(1)
	}
}

// TestFewDescriptorsRefuse has as many clients as there are descriptors for read so slowly that none ends. Others are told to come
// back, the hub says that it is well, and serves again when the slow ones have gone.
func TestFewDescriptorsRefuse(t *testing.T) {
	const places, more, size = (256 - 160) / 2, 16, 64 << 20
	_, c, data := fewDescriptors(t, size)
	c.HTTP.CloseIdleConnections()
	c.HTTP = manyClients
	slow := make([]*http.Response, places)
	all(places, func(i int) {
		req, err := http.NewRequest(http.MethodGet, c.URL+"/admin/few/resolve/main/big.bin", nil)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+c.Token)
			slow[i], err = manyClients.Do(req) // more than fits between the two
		}
		if err != nil || slow[i].StatusCode != http.StatusOK {
			t.Errorf("download %d: %v", i, err)
		}
	})
	var refused atomic.Int64
	begun := time.Now()
	all(more, func(int) {
		a := c.Do(http.MethodGet, "/api/whoami-v2", nil)
		if a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" {
			refused.Add(1)
		} else {
			t.Errorf("while all connections are held: %s", a)
		}
	})
	t.Logf("%d of %d requests refused with 503 within %.0f s while %d clients hold all connections", refused.Load(), more, time.Since(begun).Seconds(), places)
	if a := c.Do(http.MethodGet, "/healthz", nil); !a.OK() {
		t.Errorf("health: %s", a)
	}
	for i, resp := range slow {
		if resp != nil {
			if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
				t.Errorf("download %d: %d bytes, %v", i, n, err)
			}
			_ = resp.Body.Close()
		}
	}
	if a := c.Resolve("few", "main", "big.bin"); !a.OK() || crash.SHA(a.Body) != crash.SHA(data) {
		t.Errorf("afterwards: %d %v", a.Status, a.Err)
	}
}
