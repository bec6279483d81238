package cache_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/blob/cache"
)

// TestHerd has a thousand clients ask for one object that nobody has asked for before, in pieces as downloaders take them.
// The times depend on the machine and are only told; test/torture holds them to a limit.
func TestHerd(t *testing.T) {
	o := blobtest.S3(t)
	p := blobtest.NewProxy(t, o.Endpoint)
	o.Endpoint = p.URL
	body := blobtest.Bytes(5<<20 + 77)
	alone := herd(t, blobtest.Cached(t, o, 50_000_000), p, "alone", body, 1)
	many := herd(t, blobtest.Cached(t, o, 50_000_000), p, "many", body, 1000)
	t.Logf("one client: %v; p99 of 1000: %v", alone, many)
}

// herd reports the 99th percentile of how long clients take to read an object, all at once.
func herd(t *testing.T, c *cache.Store, p *blobtest.Proxy, key string, body []byte, clients int) time.Duration {
	t.Helper()
	p.Set(blobtest.Faults{})
	put(t, c, key, body)
	p.Reset()
	p.Set(blobtest.Faults{Latency: 50 * time.Millisecond})
	took := make([]time.Duration, clients)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			<-start
			began := time.Now()
			if i%10 == 0 {
				expect(t, c, key, body, 0, int64(len(body)))
			} else {
				off := rand.Int64N(int64(len(body)))
				expect(t, c, key, body, off, min(1<<20, int64(len(body))-off))
			}
			took[i] = time.Since(began)
		})
	}
	close(start)
	wg.Wait()
	if sent, most := p.Sent(), int64(len(body))*11/10; sent > most || sent < int64(len(body)) {
		t.Errorf("%d clients had %d bytes sent of an object of %d", clients, sent, len(body))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

func put(t *testing.T, c blob.Store, key string, body []byte) {
	t.Helper()
	if err := blob.PutBytes(t.Context(), c, key, body); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c blob.Store, key string, body []byte, off, n int64) {
	t.Helper()
	r, err := c.Open(context.Background(), key, off, n)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	buf, at := make([]byte, 64<<10), off
	for {
		k, err := r.Read(buf)
		if !bytes.Equal(buf[:k], body[at:at+int64(k)]) {
			t.Error("wrong bytes at", at)
			return
		}
		at += int64(k)
		if err == io.EOF && at == off+n {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// TestSlowReadersHoldNoMemory has many read a little and then wait.
func TestSlowReadersHoldNoMemory(t *testing.T) {
	c := blobtest.NewCached(t)
	body := blobtest.Bytes(20 << 20)
	put(t, c, "x", body)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var readers []io.ReadCloser
	for i := range 500 {
		r, err := c.Open(t.Context(), "x", int64(i)*30_000, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("%d readers hold %d bytes", len(readers), grown)
	}
	if n := c.Counters(); n.Bytes > 50_000_000 {
		t.Errorf("%+v", n)
	}
}
