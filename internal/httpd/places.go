package httpd

import (
	"context"
	"net/http"
	"sync"

	"github.com/cairnhub/cairn/internal/errs"
)

// Places bound how many long answers of one kind are given at once, in all and to one client, so that clients that read
// slowly do not keep others out. Who finds none is told to come back; nobody waits.
type Places struct {
	all, each int

	mu    sync.Mutex
	taken int
	by    map[string]int
}

const retryPlaces = "10" // seconds

// NewPlaces makes places: so many in all, so many of them for each client.
func NewPlaces(all, each int) *Places { return &Places{all: all, each: each, by: map[string]int{}} }

// Enter takes a place for a client; the caller leaves it once. Without one, h says when to try again.
func (p *Places) Enter(h http.Header, client string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.by[client] >= p.each:
		h.Set("Retry-After", retryPlaces)
		return nil, errs.New(errs.Unavailable, "You have %d answers of this kind running already; wait for one to end.", p.each)
	case p.taken >= p.all:
		h.Set("Retry-After", retryPlaces)
		return nil, errs.New(errs.Unavailable, "This node gives as many answers of this kind as it can; try again in a moment.")
	}
	p.taken++
	p.by[client]++
	return func() { p.leave(client) }, nil
}

func (p *Places) leave(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[client]--; p.by[client] == 0 {
		delete(p.by, client)
	}
}

type awayKey struct{}

// TurnAway marks all requests of a connection for which the server has no room: they are told to come back, but for those that
// ask how the hub is.
func TurnAway(ctx context.Context) context.Context { return context.WithValue(ctx, awayKey{}, true) }

func turnedAway(r *http.Request) bool { return r.Context().Value(awayKey{}) != nil }
