package account

import (
	"context"
	"net/netip"
	"sync"

	"github.com/cairnhub/cairn/internal/errs"
)

// Hashing a password takes memory and time on purpose, so few are hashed at once and few wait. No network and no user takes
// more than a share of the places, and some are for those whom the hub knows: one client with many connections keeps
// nobody else from signing in.
const (
	hashesAtOnce   = 2  // so that logins take 128 MiB at most, however many come
	hashesWaiting  = 50 // they and those that run; beyond that a login is told to come back
	hashesForKnown = 15 // of those places, for who signs in on a known device or has a proof of the account
	hashesEach     = 8  // of one network, or of one user whom the hub knows
	hashRetry      = 2  // seconds
)

// turn is for whom a password is hashed. The zero value is for the hub's own operator, who is counted in all only.
type turn struct {
	whom  string
	known bool
}

// strangerTurn is for a login from a network; the hub does not know yet who it is.
func strangerTurn(addr netip.Addr) turn {
	if !addr.IsValid() {
		return turn{}
	}
	return turn{whom: "network " + network(addr)}
}

// userTurn is for a user who has shown something already: a device, a proof, or a link.
func userTurn(userID string) turn { return turn{"user " + userID, true} }

// turns are the places of one process.
type turns struct {
	slots chan struct{} // those that run

	mu      sync.Mutex
	all     int // they and those that wait
	unknown int
	by      map[string]int
}

func newTurns(atOnce int) *turns {
	if atOnce <= 0 {
		atOnce = hashesAtOnce
	}
	return &turns{slots: make(chan struct{}, atOnce), by: map[string]int{}}
}

// wait returns when it is somebody's turn; the caller ends it once.
func (q *turns) wait(ctx context.Context, t turn) (end func(), err error) {
	if err := q.enter(t); err != nil {
		return nil, err
	}
	select {
	case q.slots <- struct{}{}:
		return func() { <-q.slots; q.leave(t) }, nil
	case <-ctx.Done():
		q.leave(t)
		return nil, ctx.Err()
	}
}

func (q *turns) enter(t turn) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case t.whom != "" && q.by[t.whom] >= hashesEach:
		return errs.New(errs.RateLimited, "Too many sign in at once from where you are. Try again in %d seconds.", hashRetry).
			With("retryAfter", hashRetry).With("limit", hashesEach).With("window", hashRetry)
	case q.all >= hashesWaiting, !t.known && q.unknown >= hashesWaiting-hashesForKnown:
		return errs.New(errs.Unavailable, "Too many people are signing in at once, try again in a moment")
	}
	q.count(t, 1)
	return nil
}

func (q *turns) leave(t turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count(t, -1)
}

func (q *turns) count(t turn, n int) {
	q.all += n
	if !t.known {
		q.unknown += n
	}
	if t.whom == "" {
		return
	}
	if q.by[t.whom] += n; q.by[t.whom] == 0 {
		delete(q.by, t.whom)
	}
}
