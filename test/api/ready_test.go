package api

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/testhub"
)

// behindProxy is a hub on PostgreSQL and S3 that reaches its store through a proxy.
func behindProxy(t *testing.T) (h *testhub.Hub, p *blobtest.Proxy) {
	t.Helper()
	h = testhub.NewScaled(t, func(c *config.Config) {
		u, err := url.Parse(c.BlobURL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		p = blobtest.NewProxy(t, q.Get("endpoint"))
		q.Set("endpoint", p.URL)
		u.RawQuery = q.Encode()
		c.BlobURL = u.String()
	})
	return h, p
}

// TestReadyFollowsTheStore (F5) takes the store away in several ways and gives it back. The process lives all the while.
func TestReadyFollowsTheStore(t *testing.T) {
	t.Parallel()
	h, p := behindProxy(t)
	ready := func() bool {
		if a := get(h, nobody, "/healthz"); a.Status != 200 {
			t.Errorf("not alive: %d", a.Status)
		}
		a := get(h, nobody, "/readyz")
		if a.Status != 200 && a.Status != 503 {
			t.Errorf("/readyz: %d", a.Status)
		}
		return a.Status == 200
	}
	await := func(what string, want bool) {
		start := time.Now()
		for ready() != want {
			if time.Since(start) > 30*time.Second {
				t.Fatalf("%s: still ready=%v", what, !want)
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("%s: ready=%v after %v", what, want, time.Since(start).Round(time.Millisecond))
	}
	await("at the start", true)
	for what, f := range map[string]blobtest.Faults{"resets": {Down: true}, "no answers": {Hang: 1}} {
		p.Set(f)
		await(what, false)
		p.Set(blobtest.Faults{})
		await("after "+what, true)
	}
	p.Set(blobtest.Faults{Refuse: 0.3})
	p.Reset()
	for range 200 {
		if !ready() {
			t.Error("not ready while three requests in ten fail")
		}
	}
	if n := p.Requests(); n > 100 {
		t.Errorf("asking 200 times cost %d requests to the store", n)
	}
	if a := get(h, nobody, "/readyz"); strings.Contains(string(a.Body), "127.0.0.1") {
		t.Error("the answer names the store:", string(a.Body))
	}
}
