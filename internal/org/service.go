package org

import (
	"context"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/mail"
)

// Hooks are what other packages do for this one. A nil hook does nothing.
type Hooks struct {
	// Renamed takes what an organisation owns to its new name, in the transaction that renames it.
	Renamed func(ctx context.Context, tx *db.Tx, owner account.Owner, to string) error
	// Empty deletes what an organisation owns, as far as the actor may; it may run for long and be run again.
	Empty func(ctx context.Context, by hub.Actor, orgID string) error
	// BeforeDelete are asked inside the transaction that deletes an organisation. Each refuses with a Conflict while the
	// organisation still holds something. Delete refuses everything while there is none, since nobody would have looked.
	BeforeDelete []func(ctx context.Context, q db.Queryer, orgID string) error
	// Mail queues an e-mail in the transaction that causes it; nil: none is sent.
	Mail func(ctx context.Context, on db.Queryer, m mail.Message) error
	// Admit counts a letter of Mail that a user causes to somebody's mailbox, and refuses what is too much with
	// errs.RateLimited; nil: nothing is. See account.AdmitLetter.
	Admit func(ctx context.Context, tx *db.Tx, from, to string) error
	// URL is the hub's public address, which links in e-mails begin with; empty: none is sent.
	URL string
	// MayCreate says whether every user may make organisations; nil: yes.
	MayCreate func(ctx context.Context) (bool, error)
	// Now is the clock; nil: the database's.
	Now func() time.Time
}

// Service is the organisations of one hub. It is safe for concurrent use.
type Service struct {
	db        *db.DB
	hooks     Hooks
	accepting sync.Mutex
}

// New makes the service. Attach completes it.
func New(d *db.DB) *Service { return &Service{db: d} }

// Attach sets the hooks, before the first request: the packages that provide them stand on this one.
func (s *Service) Attach(h Hooks) { s.hooks = h }

func (s *Service) now() time.Time {
	if s.hooks.Now != nil {
		return s.hooks.Now().UTC()
	}
	return s.db.Now().UTC()
}

// record notes what happened to an organisation; who did it is in the context.
func (s *Service) record(ctx context.Context, tx *db.Tx, kind, orgID string, data map[string]any) error {
	return event.Append(ctx, tx, event.Event{OwnerID: orgID, Kind: kind, Data: data, At: s.now()})
}

// recordOf is record for what happened to a user there; the name is for who reads it when the user is gone.
func (s *Service) recordOf(ctx context.Context, tx *db.Tx, kind, orgID, userID string, data map[string]any) error {
	names, err := account.Names(ctx, tx, []string{userID})
	if err != nil {
		return err
	}
	if data == nil {
		data = map[string]any{}
	}
	data["user"], data["name"] = userID, names[userID]
	return s.record(ctx, tx, kind, orgID, data)
}

func fromMicros(v int64) time.Time { return time.UnixMicro(v).UTC() }
