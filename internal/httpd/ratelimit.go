package httpd

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// RateLimit bounds the requests of one client (user, else network) in a fixed window, per policy. Zero quotas are off.
// Counters live in this process: on several nodes each counts for itself.
type RateLimit struct {
	Window time.Duration
	Quota  map[Policy]int64
}

type limiter struct {
	o  RateLimit
	mu sync.Mutex
	at time.Time // start of the window
	n  map[limitKey]int64
}

type limitKey struct {
	policy Policy
	client string
}

func newLimiter(o RateLimit) *limiter {
	if o.Window <= 0 {
		o.Window = 5 * time.Minute
	}
	return &limiter{o: o, n: map[limitKey]int64{}}
}

// SetRetry says in headers when to come back, where an error of the domain knows: its detail retryAfter, in seconds.
func SetRetry(h http.Header, e *errs.Error) {
	secs, ok := e.Detail["retryAfter"].(int)
	if e.Kind != errs.RateLimited || !ok {
		return
	}
	h.Set("RateLimit", fmt.Sprintf("\"tries\";r=0;t=%d", secs))
	h.Set("RateLimit-Policy", fmt.Sprintf("\"fixed window\";\"tries\";q=%v;w=%v", e.Detail["limit"], e.Detail["window"]))
	h.Set("Retry-After", strconv.Itoa(secs))
}

// admit counts the request and writes the Hub's headers: RateLimit: "api";r=<left>;t=<seconds>.
func (l *limiter) admit(h http.Header, p Policy, client string) error {
	quota := l.o.Quota[p]
	if quota <= 0 {
		return nil
	}
	left, wait := l.take(limitKey{p, client}, quota)
	secs := int64(wait/time.Second) + 1
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", p, max(left, 0), secs))
	h.Set("RateLimit-Policy", fmt.Sprintf("\"fixed window\";%q;q=%d;w=%d", p, quota, int64(l.o.Window/time.Second)))
	if left < 0 {
		h.Set("Retry-After", strconv.FormatInt(secs, 10))
		return errs.New(errs.RateLimited, "Too many requests: %d of the kind %q are allowed in %s. Try again in %d seconds.", quota, p, l.o.Window, secs)
	}
	return nil
}

// take counts one request and gives what is left, negative when over, and the time to the window's end. The counters
// of a window are dropped with it, so memory is bounded by the clients of one window.
func (l *limiter) take(k limitKey, quota int64) (int64, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.at) >= l.o.Window {
		l.at = now.Truncate(l.o.Window)
		clear(l.n)
	}
	l.n[k]++
	return quota - l.n[k], l.at.Add(l.o.Window).Sub(now)
}
