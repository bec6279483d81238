package account

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/mail"
	"github.com/cairnhub/cairn/internal/site"
)

// Membership is a user's place in one organisation.
type Membership struct {
	OrgID    string
	Name     string
	Fullname string
	Role     hub.Role
}

// Options connect the service to the layers beside it. The zero value serves tests.
type Options struct {
	// Hashes is how many passwords are hashed at once, each in 64 MiB; 0: 2.
	Hashes int
	// Orgs lists the organisations of a user for Whoami; nil: none.
	Orgs func(ctx context.Context, userID string) ([]Membership, error)
	// BeforeDelete are asked inside the transaction that deletes a user. Each refuses with a Conflict while the user
	// still holds something. Delete refuses everything while there is none, since nobody would have looked.
	BeforeDelete []func(ctx context.Context, q db.Queryer, userID string) error
	// TokenLeaked is told inside the transaction that revokes a token which somebody has found; nil: nobody is.
	TokenLeaked func(ctx context.Context, tx *db.Tx, user *User, tokenName string) error
	// Renamed takes what a user owns to the new name, inside the transaction that changes it; nil: nothing does.
	Renamed func(ctx context.Context, tx *db.Tx, owner Owner, to string) error
	// Join makes a user a member of an organisation, inside the transaction that uses an invitation.
	Join func(ctx context.Context, tx *db.Tx, orgID, userID string, role hub.Role) error
	// Site says who may register; nil: as on a hub that nobody has set up.
	Site *site.Service
	// Jobs and Mail send letters; nil: none is sent.
	Jobs *jobs.Queue
	Mail *mail.Outbox
	// URL is the hub's address, which links in letters begin with, and SiteName its name.
	URL, SiteName string
	// Log hears of failures that no caller waits for; nil: slog.Default().
	Log *slog.Logger
	// Now is the clock; nil: the database's.
	Now func() time.Time
}

// Service is the accounts of one hub. It is safe for concurrent use; Close writes what it still remembers.
type Service struct {
	db    *db.DB
	o     Options
	cache *actorCache
	uses  *lastUses
	tries *throttle

	secrets    sync.Map // name → []byte: they never change
	generation atomic.Uint64
	turns      *turns
	hashed     atomic.Uint64
}

// New makes the service. It starts one goroutine, which Close ends.
func New(d *db.DB, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = d.Now
	}
	s := &Service{db: d, o: o, turns: newTurns(o.Hashes)}
	s.cache = newActorCache(d, o.Now, &s.generation)
	s.tries = newThrottle(d, o.Now)
	s.uses = newLastUses(d, o)
	if o.Jobs != nil && o.Mail != nil {
		o.Jobs.Register(letterJob, s.deliver)
	}
	return s
}

// Close flushes the last use of tokens and keys.
func (s *Service) Close() error { return s.uses.close() }

func (s *Service) now() time.Time { return s.o.Now().UTC() }

// Now is the hub's clock, by which tokens and sessions end.
func (s *Service) Now() time.Time { return s.now() }

// write runs f in a transaction and forgets cached actors when it has committed, so that on this node a change of
// rights holds from the moment that its caller knows of it.
func (s *Service) write(ctx context.Context, f func(tx *db.Tx) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		tx.AfterCommit(func() { s.generation.Add(1) })
		return f(tx)
	})
}

func micros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	v := t.UnixMicro()
	return &v
}

func fromMicros(v *int64) time.Time {
	if v == nil {
		return time.Time{}
	}
	return time.UnixMicro(*v).UTC()
}
