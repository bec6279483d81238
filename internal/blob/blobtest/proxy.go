package blobtest

import (
	"context"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Faults are what a Proxy does to requests. Shares are from 0 to 1.
type Faults struct {
	Refuse    float64       // answered 503
	Reset     float64       // whose connection is reset, before the answer or in the middle of its body
	Hang      float64       // never answered
	Short     float64       // downloads whose body ends early, with a length that agrees
	Garble    float64       // downloads with one wrong byte
	Wrong     int64         // how many of the next downloads have one
	WrongETag float64       // answers with the ETag of something else
	Latency   time.Duration // before each request
	Rate      int64         // bytes a second that the body of each answer comes with; 0: as they come
	Stale     time.Duration // that an object cannot be seen after it was put
	Lose      bool          // conditions are dropped on the way (If-Match, If-None-Match)
	Down      bool          // every connection is reset
	SpoilPuts int64         // how many of the next uploads have one wrong byte
	Truncate  bool          // HEAD says that an object has half of its bytes
	// AfterRequests, if not 0, is how many requests pass before Down holds; Then is called when the first does not.
	AfterRequests int64
	Then          func()
}

// Proxy stands between a store and its S3 server, counts and breaks things.
type Proxy struct {
	URL string

	faults   atomic.Pointer[Faults]
	requests atomic.Int64
	sent     atomic.Int64
	wrong    atomic.Int64
	spoil    atomic.Int64
	passed   atomic.Int64
	stop     chan struct{}

	mu   sync.Mutex
	rand *rand.Rand
	puts map[string]time.Time
}

// NewProxy starts a proxy to an S3 server, without faults.
func NewProxy(t testing.TB, endpoint string) *Proxy {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{stop: make(chan struct{}), rand: rand.New(rand.NewPCG(1, 2)), puts: map[string]time.Time{}}
	p.Set(Faults{})
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: p.answer,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:       log.New(io.Discard, "", 0),
		FlushInterval:  -1,
		Transport:      &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, forward) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		close(p.stop)
		server.CloseClientConnections()
		server.Close()
	})
	p.URL = server.URL
	return p
}

// Set changes what the proxy does from now on.
func (p *Proxy) Set(f Faults) {
	p.wrong.Store(f.Wrong)
	p.spoil.Store(f.SpoilPuts)
	p.passed.Store(f.AfterRequests)
	p.faults.Store(&f)
}

// Requests is how many came.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

// Sent is how many bytes of objects were downloaded.
func (p *Proxy) Sent() int64 { return p.sent.Load() }

// Reset sets the counters to zero.
func (p *Proxy) Reset() {
	p.requests.Store(0)
	p.sent.Store(0)
}

func (p *Proxy) roll(share float64) bool {
	if share <= 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rand.Float64() < share
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	f := p.faults.Load()
	p.requests.Add(1)
	if !p.sleep(r.Context(), f.Latency) {
		return
	}
	if f.SpoilPuts > 0 && r.Method == http.MethodPut && p.spoil.Add(-1) >= 0 {
		r.Body = &spoiled{ReadCloser: r.Body}
	}
	switch {
	case f.Down && p.passed.Add(-1) < 0 || p.roll(f.Reset/2):
		if f.Then != nil {
			f.Then()
		}
		reset(w)
		return
	case p.roll(f.Hang):
		select {
		case <-r.Context().Done():
		case <-p.stop:
		}
		return
	case p.roll(f.Refuse):
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case p.stale(r, f.Stale):
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if f.Lose {
		r.Header.Del("If-Match")
		r.Header.Del("If-None-Match")
	}
	forward.ServeHTTP(w, r)
	if r.Method == http.MethodPut {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.puts[r.URL.Path] = time.Now()
	}
}

// stale reports whether an object was put too lately to be seen.
func (p *Proxy) stale(r *http.Request, d time.Duration) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.puts[r.URL.Path]
	return ok && time.Since(at) < d
}

// answer changes what the server says.
func (p *Proxy) answer(r *http.Response) error {
	f := p.faults.Load()
	if p.roll(f.WrongETag) && r.Header.Get("ETag") != "" {
		r.Header.Set("ETag", `"00000000000000000000000000000000"`)
	}
	if f.Truncate && r.Request.Method == http.MethodHead && r.ContentLength > 1 {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength/2, 10))
		r.ContentLength /= 2
	}
	if r.Request.Method != http.MethodGet {
		return nil
	}
	b := &body{ReadCloser: r.Body, p: p, ctx: r.Request.Context(), rate: f.Rate, breakAt: -1, flipAt: -1}
	r.Body = b
	if n := r.ContentLength; n > 1000 {
		if p.roll(f.Reset / 2) {
			b.breakAt = n / 2
		}
		if p.roll(f.Garble) || f.Wrong > 0 && p.wrong.Add(-1) >= 0 {
			b.flipAt = n / 3
		}
		if p.roll(f.Short) {
			r.ContentLength = n / 2
			r.Header.Set("Content-Length", strconv.FormatInt(n/2, 10))
			b.Reader = io.LimitReader(b.ReadCloser, n/2)
		}
	}
	if b.Reader == nil {
		b.Reader = b.ReadCloser
	}
	return nil
}

// body counts and breaks a download.
type body struct {
	io.ReadCloser
	io.Reader
	p               *Proxy
	ctx             context.Context
	rate            int64
	at              int64
	breakAt, flipAt int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.breakAt >= 0 && b.at >= b.breakAt {
		panic(http.ErrAbortHandler)
	}
	if b.rate > 0 {
		p = p[:min(int64(len(p)), max(b.rate/10, 1))]
	}
	n, err := b.Reader.Read(p)
	if b.flipAt >= b.at && b.flipAt < b.at+int64(n) {
		p[b.flipAt-b.at] ^= 1
	}
	b.at += int64(n)
	b.p.sent.Add(int64(n))
	if b.rate > 0 {
		b.p.sleep(b.ctx, time.Duration(n)*time.Second/time.Duration(b.rate))
	}
	return n, err
}

// spoiled is an upload whose first bytes arrive wrong.
type spoiled struct {
	io.ReadCloser
	done bool
}

func (s *spoiled) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if n > 0 && !s.done {
		p[0] ^= 1
		s.done = true
	}
	return n, err
}

func (p *Proxy) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
	case <-p.stop:
	}
	return false
}

// reset closes a connection without saying goodbye.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
