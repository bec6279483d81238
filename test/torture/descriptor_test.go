//go:build torture

package torture

import (
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// TestFewDescriptors gives the hub 256 descriptors and more clients than that: it may refuse some, but it lives, answers
// none with a server's error, and serves all who come later.
func TestFewDescriptors(t *testing.T) {
	const uploads, downloads, size = 64, 200, 20 << 20
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

func count(a crash.Answer, done, refused *atomic.Int64) {
	if a.OK() {
		done.Add(1)
	} else {
		refused.Add(1)
	}
}
