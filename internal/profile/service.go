package profile

import (
	"context"
	"log/slog"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/avatar"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/jobs"
)

// Deps is what the service stands on.
type Deps struct {
	DB    *db.DB
	Blobs blob.Store
	Jobs  *jobs.Queue // nil: pictures that nobody shows any more are kept
	// SetFullname changes the full name of a user, in the transaction.
	SetFullname func(ctx context.Context, tx *db.Tx, userID, name string) error
	Log         *slog.Logger
	Now         func() time.Time // nil: the database's
}

// Service is the profiles of one hub. It is safe for concurrent use.
type Service struct {
	d     Deps
	db    *db.DB
	maker *avatar.Maker
	shown *pictureCache
}

// New makes the service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = d.DB.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{d: d, db: d.DB, maker: avatar.New(), shown: newPictureCache(d.DB)}
	if d.Jobs != nil {
		d.Jobs.Every("profile.pictures", collectEvery, s.Collect)
	}
	return s
}

func (s *Service) now() int64 { return s.d.Now().UnixMicro() }

// record notes what happened to an owner; who did it is in the context.
func (s *Service) record(ctx context.Context, tx *db.Tx, what string, o account.Owner, data map[string]any) error {
	return event.Append(ctx, tx, event.Event{OwnerID: o.ID, Kind: string(o.Kind) + "." + what, Data: data, At: s.d.Now()})
}

// DropOwner forgets the profile of a user or organisation that goes, and who follows it; it is one of the BeforeDelete of
// account and org. The picture is collected later.
func DropOwner(ctx context.Context, q db.Queryer, ownerID string) error {
	for _, query := range []string{deleteProfile, deleteFollowers} {
		if _, err := q.Exec(ctx, query, ownerID); err != nil {
			return errs.Wrap("profile.DropOwner", err)
		}
	}
	return nil
}
