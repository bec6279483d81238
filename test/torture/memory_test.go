//go:build torture

package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// manyClients talk to the server at once, each through a connection of its own.
var manyClients = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// TestParallelXorbs has 64 clients upload a full xorb each at the same time.
func TestParallelXorbs(t *testing.T) {
	const clients = 64
	work := t.TempDir()
	h := crash.NewHub(t, filepath.Join(work, "data"))
	h.MustStart(t)
	c := crash.NewClient(h)
	if a := c.CreateRepo("xorbs"); !a.OK() {
		t.Fatal(a)
	}
	token, a := c.XetToken("xorbs", "write")
	if !a.OK() {
		t.Fatal(a)
	}
	c.HTTP = manyClients
	paths, hashes := make([]string, clients), make([]xet.Hash, clients)
	for i := range clients { // in files: 64 of them in memory would be this test's own torture
		x := (&xetstoretest.Client{}).Pack(t, xetstoretest.Random(uint64(i), 60<<20)).Xorbs[0]
		paths[i], hashes[i] = filepath.Join(work, x.Hash.String()), x.Hash
		if err := os.WriteFile(paths[i], x.Body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	measure(t, h, "64 xorbs of 60 MiB at once", func() {
		all(clients, func(i int) {
			a := patiently(func() crash.Answer {
				f, err := os.Open(paths[i])
				if err != nil {
					return crash.Answer{Err: err}
				}
				defer f.Close()
				return c.PutXorb(token, hashes[i].String(), f)
			})
			if !a.OK() {
				t.Errorf("xorb %d: %s", i, a)
			}
		})
	})
}

// patiently comes back when the hub says so, as clients do: on a slow machine it is not everybody's turn in time.
func patiently(do func() crash.Answer) (a crash.Answer) {
	for range 60 {
		if a = do(); a.Status != http.StatusServiceUnavailable {
			return a
		}
		time.Sleep(5 * time.Second)
	}
	return a
}

// TestParallelLFS has 64 clients upload an object each in one piece: the server cuts, hashes and packs.
func TestParallelLFS(t *testing.T) {
	const clients, size = 64, 40 << 20
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	c := crash.NewClient(h)
	if a := c.CreateRepo("lfs"); !a.OK() {
		t.Fatal(a)
	}
	c.HTTP = manyClients
	addresses := make([]string, clients)
	for i := range clients {
		sum := sha256.New()
		_, _ = io.CopyN(sum, xetstoretest.Stream(uint64(i)), size)
		var a crash.Answer
		if addresses[i], a = c.LFSAddress("lfs", hex.EncodeToString(sum.Sum(nil)), size); addresses[i] == "" {
			t.Fatal(a)
		}
	}
	measure(t, h, "64 LFS objects of 40 MiB at once", func() {
		all(clients, func(i int) {
			a := patiently(func() crash.Answer {
				return c.Do(http.MethodPut, addresses[i], io.LimitReader(xetstoretest.Stream(uint64(i)), size))
			})
			if !a.OK() {
				t.Errorf("object %d: %s", i, a)
			}
		})
	})
}

// TestParallelDownloads has 100 clients download a large file by plain GET, some of them slow.
func TestParallelDownloads(t *testing.T) {
	const clients, size = 100, 256 << 20
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	c := crash.NewClient(h)
	if a := c.CreateRepo("down"); !a.OK() {
		t.Fatal(a)
	}
	data := xetstoretest.Random(1, size)
	want := crash.SHA(data)
	if a := c.PutLFS("down", data); !a.OK() {
		t.Fatal(a)
	}
	if a := c.Commit("down", "main", []crash.Change{{Path: "big.bin", Data: data, Large: true}}); !a.OK() {
		t.Fatal(a)
	}
	h.Kill() // what the upload took is not counted
	h.MustStart(t)
	measure(t, h, "100 downloads of 256 MiB at once", func() {
		all(clients, func(i int) {
			pause := time.Duration(0)
			if i%4 == 0 {
				pause = 2 * time.Millisecond // after each read: the server waits with its buffers full
			}
			got, err := download(h, "/admin/down/resolve/main/big.bin", pause)
			if err != nil || got != want {
				t.Errorf("download %d: %v", i, err)
			}
		})
	})
}

func download(h *crash.Hub, path string, pause time.Duration) (string, error) {
	req, err := http.NewRequest(http.MethodGet, h.URL+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+h.Token)
	resp, err := manyClients.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	sum := sha256.New()
	_, err = io.CopyBuffer(sum, slowly{resp.Body, pause}, make([]byte, 128<<10))
	return hex.EncodeToString(sum.Sum(nil)), err
}

// slowly is a reader that pauses.
type slowly struct {
	r     io.Reader
	pause time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.r.Read(p)
}

func all(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() { defer wg.Done(); do(i) }()
	}
	wg.Wait()
}
