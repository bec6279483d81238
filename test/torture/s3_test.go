//go:build torture

package torture

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// behindProxy is a hub on SQLite and an S3 store that a proxy stands before.
func behindProxy(t *testing.T) (*crash.Hub, *blobtest.Proxy) {
	t.Helper()
	o := blobtest.S3(t)
	p := blobtest.NewProxy(t, o.Endpoint)
	q := url.Values{"endpoint": {p.URL}, "region": {o.Region}, "access_key": {o.AccessKey}, "secret_key": {o.SecretKey}}
	address := "s3://" + strings.TrimSuffix(o.Bucket+"/"+o.Prefix, "/") + "?" + q.Encode()
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"), "CAIRN_BLOB_URL="+address, "CAIRN_CACHE_SIZE=100MB")
	h.MustStart(t)
	return h, p
}

const (
	faultTime   = 8 * time.Second // that each fault lasts
	faultMemory = 64 << 20        // that it may cost more than the same load without
)

// kept are files that were acknowledged.
type kept struct {
	mu    sync.Mutex
	files []crash.Change
}

func (k *kept) add(f crash.Change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files = append(k.files, f)
}

func (k *kept) any() (crash.Change, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) == 0 {
		return crash.Change{}, false
	}
	return k.files[rand.IntN(len(k.files))], true
}

// tally is what clients without a second try have seen.
type tally struct {
	mu           sync.Mutex
	done, failed int
	longest      time.Duration
	problems     map[string]int
}

func (n *tally) count(begun time.Time, a crash.Answer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done++
	n.longest = max(n.longest, time.Since(begun))
	if !a.OK() {
		n.failed++
		n.problems[fmt.Sprint(a.Status)]++
	}
	return a.OK()
}

// TestStoreFaults (F5, F6) writes and reads large files through a whole hub while its store fails in all ways, by clients
// that do not try again. Whatever is answered with success is right, and stays.
func TestStoreFaults(t *testing.T) {
	h, p := behindProxy(t)
	c := crash.NewClient(h)
	c.Tries, c.HTTP = 1, manyClients // Go repeats by itself what breaks on a connection that it kept
	if a := c.CreateRepo("faults"); !a.OK() {
		t.Fatal(a)
	}
	files := &kept{}
	calm := round(t, h, p, c, files, "none", blobtest.Faults{}, 1)
	for _, f := range []struct {
		name   string
		faults blobtest.Faults
		least  float64 // share of operations that succeed; 0: any
	}{
		{"30 % errors", blobtest.Faults{Refuse: 0.3}, 0.995},
		{"30 % resets", blobtest.Faults{Reset: 0.3}, 0.995},
		{"30 % short bodies", blobtest.Faults{Short: 0.3}, 0.995},
		{"30 % wrong ETags", blobtest.Faults{WrongETag: 0.3}, 0},
		{"10 % errors, resets, short bodies each", blobtest.Faults{Refuse: 0.1, Reset: 0.1, Short: 0.1}, 0.995},
		{"2 s late", blobtest.Faults{Latency: 2 * time.Second}, 0.995},
		{"100 KB/s", blobtest.Faults{Rate: 100_000}, 0.995},
		{"10 % no answer", blobtest.Faults{Hang: 0.1}, 0},
		{"unseen for 5 s after a PUT", blobtest.Faults{Stale: 5 * time.Second}, 0.995},
		{"conditions dropped", blobtest.Faults{Lose: true}, 1},
		{"20 % wrong bytes", blobtest.Faults{Garble: 0.2}, 0},
		{"gone", blobtest.Faults{Down: true}, 0},
		{"silent", blobtest.Faults{Hang: 1}, 0},
	} {
		if grown := round(t, h, p, c, files, f.name, f.faults, f.least) - calm; grown > faultMemory {
			t.Errorf("%s: the hub took %d MB more than without a fault", f.name, grown/1e6)
		}
	}
	p.Set(blobtest.Faults{})
	for _, f := range files.files {
		if a := c.Resolve("faults", "main", f.Path); !a.OK() || !bytes.Equal(a.Body, f.Data) {
			t.Errorf("%s was acknowledged: %d, %d bytes of %d", f.Path, a.Status, len(a.Body), len(f.Data))
		}
	}
	t.Logf("%d acknowledged files are whole", len(files.files))
}

// round is the load under one fault; it returns the resident memory at its peak.
func round(t *testing.T, h *crash.Hub, p *blobtest.Proxy, c *crash.Client, files *kept, name string, f blobtest.Faults, least float64) (peak int64) {
	t.Helper()
	p.Set(f)
	end := h.Watch()
	n := &tally{problems: map[string]int{}}
	var wg sync.WaitGroup
	until := time.Now().Add(faultTime)
	for i := range 12 {
		wg.Go(func() {
			for j := 0; time.Now().Before(until); j++ {
				if i < 6 {
					write(t, c, files, n, fmt.Sprintf("%s/%d-%d.bin", strings.NewReplacer(" ", "", "%", "", ",", "", "/", "").Replace(name), i, j))
				} else if f, ok := files.any(); ok {
					begun := time.Now()
					a := c.Resolve("faults", "main", f.Path)
					if n.count(begun, a) && !bytes.Equal(a.Body, f.Data) {
						t.Errorf("%s: wrong bytes with %d", f.Path, a.Status)
					}
				}
			}
		})
	}
	wg.Wait()
	peak, _ = end()
	p.Set(blobtest.Faults{})
	t.Logf("%s: %d operations, %d failed %v, the longest took %.1f s; memory %d MB", name, n.done, n.failed, n.problems, n.longest.Seconds(), peak/1e6)
	if float64(n.done-n.failed) < least*float64(n.done) {
		t.Errorf("%s: %d of %d operations failed", name, n.failed, n.done)
	}
	if n.longest > 45*time.Second { // an upload is several operations of the store, each of which ends within 30 s
		t.Errorf("%s: a request took %v", name, n.longest)
	}
	return peak
}

func write(t *testing.T, c *crash.Client, files *kept, n *tally, path string) {
	data := xetstoretest.Random(rand.Uint64(), 200_000+rand.IntN(200_000))
	begun := time.Now()
	if a := c.PutXet(t, "faults", data); !n.count(begun, a) {
		return
	}
	begun = time.Now()
	f := crash.Change{Path: path, Data: data, Large: true}
	if a := c.Commit("faults", "main", []crash.Change{f}); n.count(begun, a) {
		files.add(f)
	}
}

// TestHerdAtTheHub (F20) has a thousand clients ask for one large file at once that the node does not have: for pieces of it,
// as downloaders do, from a store that is so slow that the wait is for it and not for this machine's processors. How long it
// takes when all of them want all of it, at full speed, is told beside.
func TestHerdAtTheHub(t *testing.T) {
	h, p := behindProxy(t)
	data := xetstoretest.Random(20, 1<<20)
	c := crash.NewClient(h)
	if a := c.CreateRepo("herd"); !a.OK() {
		t.Fatal(a)
	}
	if a := c.PutXet(t, "herd", data); !a.OK() {
		t.Fatal(a)
	}
	if a := c.Commit("herd", "main", []crash.Change{{Path: "x.bin", Data: data, Large: true}}); !a.OK() {
		t.Fatal(a)
	}
	herd := &herd{t, h, p, data}
	slow := blobtest.Faults{Latency: 100 * time.Millisecond, Rate: 150_000}
	alone, many := herd.cold(1, 50_000, slow), herd.cold(1000, 50_000, slow)
	t.Logf("50 KB each, 150 KB/s: one client %.2f s, p99 of 1000 %.2f s: %.2f", alone.Seconds(), many.Seconds(), many.Seconds()/alone.Seconds())
	if many > alone*3/2 {
		t.Errorf("p99 of 1000 clients is %v, alone it takes %v", many, alone)
	}
	fast := blobtest.Faults{Latency: 20 * time.Millisecond}
	alone, many = herd.cold(1, len(data), fast), herd.cold(1000, len(data), fast)
	again := herd.ask(1000, len(data))
	t.Logf("all of it, 20 ms, full speed: one client %.2f s, p99 of 1000 %.2f s, and %.2f s when the node has it", alone.Seconds(), many.Seconds(), again.Seconds())
}

type herd struct {
	t    *testing.T
	h    *crash.Hub
	p    *blobtest.Proxy
	data []byte
}

// cold has clients ask for a piece each of what the node does not have, and returns the 99th percentile.
func (d *herd) cold(clients, piece int, f blobtest.Faults) time.Duration {
	if _, err := d.h.Stop(30 * time.Second); err != nil {
		d.t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(d.h.Data, "cache", "objects")); err != nil {
		d.t.Fatal(err)
	}
	d.h.MustStart(d.t)
	d.p.Set(f)
	d.p.Reset()
	took := d.ask(clients, piece)
	d.p.Set(blobtest.Faults{})
	times := float64(d.p.Sent()) / float64(len(d.data))
	if d.t.Logf("%d clients: the store has sent %.2f times the object", clients, times); times > 1.1 {
		d.t.Errorf("%d clients: the store has sent %.2f times the object", clients, times)
	}
	return took
}

func (d *herd) ask(clients, piece int) time.Duration {
	took := make([]time.Duration, clients)
	all(clients, func(i int) {
		c := crash.NewClient(d.h)
		c.Tries = 1
		defer c.HTTP.CloseIdleConnections()
		off := rand.IntN(len(d.data) - piece + 1)
		begun := time.Now()
		a := c.Do(http.MethodGet, "/admin/herd/resolve/main/x.bin", nil, "Range", fmt.Sprintf("bytes=%d-%d", off, off+piece-1))
		if !a.OK() || !bytes.Equal(a.Body, d.data[off:off+piece]) {
			d.t.Errorf("client %d: %d, %d bytes", i, a.Status, len(a.Body))
		}
		took[i] = time.Since(begun)
	})
	slices.Sort(took)
	return took[clients*99/100]
}
