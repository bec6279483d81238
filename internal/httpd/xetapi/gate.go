package xetapi

import (
	"context"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Gate checks what someone who was let in some minutes ago may do now, from what a token or address carries.
type Gate struct {
	// Actor makes the actor of a user and one of their access tokens, or of their session when tokenID is empty. A revoked
	// or expired token and a disabled user are errs.Unauthenticated.
	Actor func(ctx context.Context, userID, tokenID string) (hub.Actor, error)
	Repos *repo.Service
	Authz *authz.Authorizer
	// Room refuses early what a repository has no room for: so many bytes more, or with 0 anything at all. nil: nothing is
	// refused early.
	Room func(ctx context.Context, repoID string, more int64) error
	Now  func() time.Time // nil: time.Now

	mu   sync.Mutex
	kept map[gateKey]keptPass
}

// Pass is what the gate found.
type Pass struct {
	Actor hub.Actor
	Repo  *repo.Repo
	Scope xetstore.Scope
}

// Ticket is what a token or address carries of the proof that it was made for.
type Ticket struct {
	UserID, TokenID, RepoID string
	// Bound says that the proof opened that repository alone, which the ids do not tell.
	Bound bool
}

type gateKey struct {
	Ticket
	right authz.Right
}

type keptPass struct {
	pass Pass
	at   time.Time
}

const (
	// passLife bounds how long a lost right still works; clients send hundreds of requests a second.
	passLife  = 800 * time.Millisecond
	maxPasses = 10_000
)

// Check returns a pass, or the error that the hub answers to who lacks the right, with nothing but the actor.
func (g *Gate) Check(ctx context.Context, t Ticket, right authz.Right) (Pass, error) {
	k, now := gateKey{t, right}, g.now()
	g.mu.Lock()
	kept, ok := g.kept[k]
	g.mu.Unlock()
	if age := now.Sub(kept.at); ok && age >= 0 && age < passLife {
		return kept.pass, nil
	}
	pass, err := g.check(ctx, k)
	if err != nil {
		return Pass{Actor: pass.Actor}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept == nil || len(g.kept) >= maxPasses {
		g.kept = map[gateKey]keptPass{}
	}
	g.kept[k] = keptPass{pass, now}
	return pass, nil
}

func (g *Gate) check(ctx context.Context, k gateKey) (p Pass, err error) {
	if k.UserID != "" {
		if p.Actor, err = g.Actor(ctx, k.UserID, k.TokenID); err != nil {
			return Pass{}, err
		}
	}
	if k.Bound && p.Actor.RepoID == "" {
		p.Actor.RepoID = k.RepoID
	}
	if p.Repo, err = g.Repos.Get(ctx, nil, k.RepoID); err != nil {
		return p, err
	}
	if err = g.Authz.Repo(ctx, p.Actor, p.Repo.Subject(), k.right); err != nil {
		return p, err
	}
	// What a user sent by a proof that opens more must not become known to one that opens less.
	bound := p.Actor.RepoID != "" || p.Actor.Scopes != nil || p.Actor.Barred != nil
	p.Scope = xetstore.Scope{UserID: k.UserID, RepoID: k.RepoID, Bound: bound}
	p.Scope.Owners, p.Scope.All, err = g.Authz.ReadableOwners(ctx, p.Actor)
	return p, errs.Wrap("xetapi.Gate", err)
}

// HasRoom asks Room.
func (g *Gate) HasRoom(ctx context.Context, repoID string, more int64) error {
	if g.Room == nil {
		return nil
	}
	return g.Room(ctx, repoID, more)
}

func (g *Gate) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}
