// Package slot lets a bounded number of goroutines do the same at once, in all or by key: one commit per repository,
// a few uploads per user. Who waits stops waiting when the request ends. It orders the goroutines of one process;
// between processes the database decides.
package slot

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Slots are free places.
type Slots chan struct{}

// Of makes n places.
func Of(n int) Slots { return make(Slots, n) }

// Take waits for a place. The caller gives it back. An error has the cause for which the context ended.
func (s Slots) Take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
	}
}

// TakeWithin is Take for who waits no longer than a time; then it is the error refused.
func (s Slots) TakeWithin(ctx context.Context, wait time.Duration, refused error) error {
	ctx, stop := context.WithTimeoutCause(ctx, wait, refused)
	defer stop()
	return s.Take(ctx)
}

// Give returns a place.
func (s Slots) Give() { <-s }

// Keyed are places by key. A key takes no room while nobody holds or awaits one of its places.
type Keyed[K comparable] struct {
	each int

	mu   sync.Mutex
	held map[K]*held
}

type held struct {
	slots Slots
	users int // who has a place and who waits for one
}

// PerKey makes n places for each key.
func PerKey[K comparable](n int) *Keyed[K] { return &Keyed[K]{each: n, held: map[K]*held{}} }

// Take waits for one of the key's places and returns how to give it back, which the caller does once.
func (k *Keyed[K]) Take(ctx context.Context, key K) (give func(), err error) {
	k.mu.Lock()
	h := k.held[key]
	if h == nil {
		h = &held{slots: Of(k.each)}
		k.held[key] = h
	}
	h.users++
	k.mu.Unlock()
	if err := h.slots.Take(ctx); err != nil {
		k.leave(key, h)
		return nil, err
	}
	return func() {
		h.slots.Give()
		k.leave(key, h)
	}, nil
}

// TakeWithin is Take for who waits no longer than a time; then it is the error refused.
func (k *Keyed[K]) TakeWithin(ctx context.Context, key K, wait time.Duration, refused error) (give func(), err error) {
	ctx, stop := context.WithTimeoutCause(ctx, wait, refused)
	defer stop()
	return k.Take(ctx, key)
}

// Try is Take for who would rather do without than wait.
func (k *Keyed[K]) Try(key K) (give func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[key]
	if h == nil {
		h = &held{slots: Of(k.each)}
		k.held[key] = h
	}
	select {
	case h.slots <- struct{}{}:
		k.held[key] = h
		h.users++
		return func() {
			h.slots.Give()
			k.leave(key, h)
		}, true
	default: // somebody holds it, so the key is in use
		return nil, false
	}
}

func (k *Keyed[K]) leave(key K, h *held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(k.held, key)
	}
}
