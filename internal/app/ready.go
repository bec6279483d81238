package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
)

const (
	// readyTime is how long database and store have to answer. With readyAge it is less than the five seconds after which
	// a balancer is to know.
	readyTime = 3 * time.Second
	// readyAge is how long an answer serves all who ask, so that asking often costs the store nothing.
	readyAge = 500 * time.Millisecond
)

// readiness is the latest answer to whether the hub can serve.
type readiness struct {
	mu  sync.Mutex
	now *inquiry // under way or done; nil: never asked
}

type inquiry struct {
	done chan struct{}
	at   time.Time // of the answer
	err  error
}

// Ready reports whether database and store answer. All who ask at the same time get one answer. It looks at whether they can
// be reached, not at whether they have room: a hub whose disk is full still serves what it has.
func (a *App) Ready(ctx context.Context) error {
	r := &a.ready
	r.mu.Lock()
	q := r.now
	if q == nil || q.old() {
		q = &inquiry{done: make(chan struct{})}
		r.now = q
		go a.inquire(context.WithoutCancel(ctx), q)
	}
	r.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *inquiry) old() bool {
	select {
	case <-q.done:
		return time.Since(q.at) > readyAge
	default:
		return false
	}
}

func (a *App) inquire(ctx context.Context, q *inquiry) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	store := make(chan error, 1)
	go func() { store <- blob.Reach(ctx, a.blobs) }()
	_, err := a.db.SchemaVersion(ctx)
	if err != nil {
		err = fmt.Errorf("database: %w", err)
	}
	if e := <-store; e != nil {
		err = errors.Join(err, fmt.Errorf("store: %w", e))
	}
	q.err, q.at = err, time.Now()
	close(q.done)
}
