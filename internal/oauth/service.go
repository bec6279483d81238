package oauth

import (
	"context"
	"net/netip"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
)

const (
	// CodeLife is how long a device waits for its user.
	CodeLife = 15 * time.Minute
	// PollEvery is the least time between two questions of a device. Clients that are told nothing wait as long.
	PollEvery = 5 * time.Second
	// AccessLife is how long an access token lasts. Clients renew it on its last day.
	AccessLife = 30 * 24 * time.Hour
	// RefreshLife is how long what renews it lasts, from its last use.
	RefreshLife = 90 * 24 * time.Hour

	pollSlack  = time.Second      // a network may deliver one question late and the next early
	keepCodes  = time.Hour        // how long an old code is told from one that never was
	maxPending = 10_000           // devices that wait at once
	maxAgent   = 256              // characters of what a device says that it is
	secretName = "oauth-usercode" // of the key that user codes are kept by
)

// Options are what tests change. The zero value is right.
type Options struct {
	Now func() time.Time // nil: the database's
}

// Service is the device logins of one hub.
type Service struct {
	db       *db.DB
	accounts *account.Service
	o        Options
}

// New makes the service.
func New(d *db.DB, accounts *account.Service, o Options) *Service {
	if o.Now == nil {
		o.Now = d.Now
	}
	return &Service{db: d, accounts: accounts, o: o}
}

func (s *Service) now() time.Time { return s.o.Now().UTC() }

func (s *Service) key(ctx context.Context) ([]byte, error) { return s.accounts.Secret(ctx, secretName) }

// Origin is where a device or a person asks from.
type Origin struct {
	Addr  netip.Addr
	Agent string // User-Agent
}
