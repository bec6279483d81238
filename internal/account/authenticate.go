package account

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	// staleFor bounds how long a node may honour what another node has revoked: less than a second, since what stands on
	// it takes its time too.
	staleFor  = 800 * time.Millisecond
	maxActors = 10_000
)

// Authenticate finds who holds an access token. Unknown, revoked and expired tokens and those of disabled users get one
// answer.
func (s *Service) Authenticate(ctx context.Context, token string) (hub.Actor, error) {
	if len(token) < minImported || len(token) > maxImported {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	a, err := s.cache.get(ctx, "t:"+secretHash(token), s.loadToken)
	if db.IsNoRows(err) {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	if err != nil {
		return hub.Actor{}, errs.Wrap("account.Authenticate", err)
	}
	s.uses.touch(proof{touchToken, a.TokenID})
	return a, nil
}

func (s *Service) loadToken(ctx context.Context, key string) (hub.Actor, time.Time, error) {
	var row actorRow
	err := s.db.Get(ctx, &row, getActor, strings.TrimPrefix(key, "t:"))
	return row.actor(), fromMicros(row.ExpiresAt), err
}

// actorRow is a token, if there is one, with its user.
type actorRow struct {
	TokenID   string `db:"token_id"`
	TokenName string `db:"token_name"`
	Role      string
	ExpiresAt *int64 `db:"expires_at"`
	Scopes    string
	Barred    string
	Rotations int64
	Client    string
	UserID    string `db:"user_id"`
	Name      string
	SiteAdmin bool `db:"site_admin"`
}

func (r actorRow) actor() hub.Actor {
	a := hub.Actor{UserID: r.UserID, Name: r.Name, SiteAdmin: r.SiteAdmin}
	if r.TokenID != "" {
		a.Proof, a.TokenID, a.TokenName, a.Token = proofOf(r.Client), r.TokenID, r.TokenName, hub.TokenRole(r.Role)
		a.Rotations, a.Scopes, a.Barred, a.Ends = r.Rotations, decodeScopes(r.Role, r.Scopes), barredSet(r.Barred), fromMicros(r.ExpiresAt)
	}
	return a
}

// actorCache keeps actors for as long as nothing in the database has changed (SQLite), or for a second (PostgreSQL,
// where other nodes write unseen). Only proofs that were found are kept, so that guesses take no room.
type actorCache struct {
	db         *db.DB
	now        func() time.Time
	generation *atomic.Uint64 // moves with this node's own changes of accounts

	mu   sync.RWMutex
	kept map[string]cachedActor
}

type cachedActor struct {
	actor   hub.Actor
	expires time.Time // of the token or session; zero: never
	changes uint64
	local   uint64
	at      time.Time
}

func newActorCache(d *db.DB, now func() time.Time, generation *atomic.Uint64) *actorCache {
	return &actorCache{db: d, now: now, generation: generation, kept: map[string]cachedActor{}}
}

// get returns the actor of a key, loading it when need be. An expired proof is as good as none: db.IsNoRows.
func (c *actorCache) get(ctx context.Context, key string,
	load func(context.Context, string) (hub.Actor, time.Time, error),
) (hub.Actor, error) {
	now := c.now()
	c.mu.RLock()
	e, ok := c.kept[key]
	c.mu.RUnlock()
	if !ok || !c.fresh(e, now) {
		// Taken before the read: what changes meanwhile makes the entry stale.
		e = cachedActor{changes: c.db.Changes(), local: c.generation.Load(), at: now}
		var err error
		if e.actor, e.expires, err = load(ctx, key); err != nil {
			return hub.Actor{}, err
		}
		c.keep(key, e)
	}
	if !e.expires.IsZero() && !e.expires.After(now) {
		return hub.Actor{}, errNoRows
	}
	return e.actor, nil
}

func (c *actorCache) fresh(e cachedActor, now time.Time) bool {
	if e.local != c.generation.Load() {
		return false
	}
	if c.db.Dialect() == db.Postgres {
		return now.Sub(e.at) < staleFor
	}
	return e.changes == c.db.Changes()
}

func (c *actorCache) keep(key string, e cachedActor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= maxActors {
		clear(c.kept)
	}
	c.kept[key] = e
}
