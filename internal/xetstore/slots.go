package xetstore

import (
	"context"
	"fmt"
	"sync"
)

// take waits for a slot; give returns it.
func take(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}

func give(slots chan struct{}) { <-slots }

// keyedSlots lets a number of goroutines in per key, and takes no room for keys that nobody holds.
type keyedSlots struct {
	each int

	mu   sync.Mutex
	held map[string]*heldSlots
}

type heldSlots struct {
	slots chan struct{}
	users int
}

// take waits for one of the key's slots and returns how to give it back.
func (k *keyedSlots) take(ctx context.Context, key string) (give func(), err error) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*heldSlots{}
	}
	h := k.held[key]
	if h == nil {
		h = &heldSlots{slots: make(chan struct{}, k.each)}
		k.held[key] = h
	}
	h.users++
	k.mu.Unlock()
	if err := take(ctx, h.slots); err != nil {
		k.leave(key, h)
		return nil, err
	}
	return func() {
		<-h.slots
		k.leave(key, h)
	}, nil
}

func (k *keyedSlots) leave(key string, h *heldSlots) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(k.held, key)
	}
}
