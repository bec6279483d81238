package blob

import (
	"context"
	"io"
	"sync"
	"time"
)

// Pace bounds how fast bytes are read that nobody waits for. It is safe for concurrent use.
type Pace struct {
	perSecond int64

	mu   sync.Mutex
	next time.Time // when the next bytes may come
}

// NewPace allows so many bytes a second.
func NewPace(perSecond int64) *Pace { return &Pace{perSecond: perSecond} }

// wait waits for n bytes' turn. Who has waited long enough by being slow does not wait.
func (p *Pace) wait(ctx context.Context, n int) error {
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	at := p.next
	p.next = at.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	p.mu.Unlock()
	if !at.After(now) {
		return ctx.Err()
	}
	t := time.NewTimer(at.Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type paceKey struct{}

// WithPace has OpenUncached read no faster than p for who has the context.
func WithPace(ctx context.Context, p *Pace) context.Context {
	return context.WithValue(ctx, paceKey{}, p)
}

// paced is a reader that keeps the pace of its context.
type paced struct {
	io.ReadCloser
	ctx context.Context
	p   *Pace
}

func (r *paced) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if e := r.p.wait(r.ctx, n); e != nil {
		return n, e
	}
	return n, err
}

// WriteTo leaves the blocks to the reader, if it has blocks.
func (r *paced) WriteTo(w io.Writer) (int64, error) { return io.Copy(&pacedWriter{w, r}, r.ReadCloser) }

type pacedWriter struct {
	w io.Writer
	r *paced
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := w.r.p.wait(w.r.ctx, len(b)); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}
