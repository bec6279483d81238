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
	o        RateLimit
	policies map[Policy][]string // values of RateLimit-Policy

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
	l := &limiter{o: o, policies: map[Policy][]string{}, n: map[limitKey]int64{}}
	for p, quota := range o.Quota {
		l.policies[p] = []string{fmt.Sprintf("\"fixed window\";%q;q=%d;w=%d", p, quota, int64(o.Window/time.Second))}
	}
	return l
}

// retryUnavailable is when to come back, in seconds, while something that the hub stands on does not answer.
const retryUnavailable = "5"

// SetRetry says in headers when to come back, where an error of the domain knows (its detail retryAfter, in seconds) or is
// one that passes.
func SetRetry(h http.Header, e *errs.Error) {
	secs, ok := e.Detail["retryAfter"].(int)
	if e.Kind == errs.Unavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", retryUnavailable)
	}
	if e.Kind != errs.RateLimited || !ok {
		return
	}
	h.Set("RateLimit", fmt.Sprintf("\"tries\";r=0;t=%d", secs))
	h.Set("RateLimit-Policy", fmt.Sprintf("\"fixed window\";\"tries\";q=%v;w=%v", e.Detail["limit"], e.Detail["window"]))
	h.Set("Retry-After", strconv.Itoa(secs))
}

// counts reports whether requests of a kind are limited.
func (l *limiter) counts(p Policy) bool { return l.o.Quota[p] > 0 }

// admit counts the request and writes the Hub's headers: RateLimit: "api";r=<left>;t=<seconds>.
func (l *limiter) admit(h http.Header, p Policy, client string) error {
	quota := l.o.Quota[p]
	left, wait := l.take(limitKey{p, client}, quota)
	secs := int64(wait/time.Second) + 1
	b := append(strconv.AppendQuote(make([]byte, 0, 48), string(p)), ";r="...)
	b = append(strconv.AppendInt(b, max(left, 0), 10), ";t="...)
	h.Set("RateLimit", string(strconv.AppendInt(b, secs, 10)))
	h["Ratelimit-Policy"] = l.policies[p]
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
	if age := now.Sub(l.at); age >= l.o.Window || age < 0 { // the clock was set back
		l.at = now.Truncate(l.o.Window)
		clear(l.n)
	}
	l.n[k]++
	return quota - l.n[k], l.at.Add(l.o.Window).Sub(now)
}
