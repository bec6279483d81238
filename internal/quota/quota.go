package quota

import (
	"context"
	"log/slog"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// Measure counts anew what some repositories store of one sort, in bytes by id; what stores nothing may be left out.
type Measure func(ctx context.Context, q db.Queryer, repoIDs []string) (map[string]int64, error)

// Deps is what the service stands on.
type Deps struct {
	DB  *db.DB
	Log *slog.Logger
	// Defaults are asked for whenever a quota is checked; nil: there are none.
	Defaults func(ctx context.Context, q db.Queryer) (Defaults, error)
	// Large and Packs count what the incremental numbers should be.
	Large, Packs Measure
	// Repos are there whatever quotas know; nil: quotas know all.
	Repos Repos
	// Record is told what a repository takes by now, in the transaction that changed it; nil: nobody is.
	Record func(ctx context.Context, tx *db.Tx, repoID string, bytes int64) error
	Now    func() time.Time // nil: the database's
}

// Service is the quotas of a hub.
type Service struct{ Deps }

// New builds the service.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Defaults == nil {
		d.Defaults = func(context.Context, db.Queryer) (Defaults, error) { return Unlimited(), nil }
	}
	if d.Now == nil {
		d.Now = d.DB.Now
	}
	return &Service{d}
}

// Attach completes the service before the first request: who provides these needs the service itself.
func (s *Service) Attach(large, packs Measure, repos Repos, record func(ctx context.Context, tx *db.Tx, repoID string, bytes int64) error) {
	s.Large, s.Packs, s.Repos, s.Record = large, packs, repos, record
}

// Share is what an owner's repositories of one visibility take, and may.
type Share struct {
	Used  int64
	Limit int64  // what holds; negative: none
	Own   *int64 // the owner's own; nil: the hub's default holds
}

// Account is the storage of an owner.
type Account struct{ Private, Public Share }

// Of is the storage of an owner.
func (s *Service) Of(ctx context.Context, o account.Owner) (a Account, err error) {
	row, err := getOwner(ctx, s.DB, o.ID)
	if err != nil {
		return a, errs.Wrap("quota.Of", err)
	}
	if row == nil {
		row = &ownerRow{OwnerID: o.ID, Kind: o.Kind}
	}
	if err := sumOwner(ctx, s.DB, row); err != nil {
		return a, errs.Wrap("quota.Of", err)
	}
	def, err := s.Defaults(ctx, s.DB)
	if err != nil {
		return a, errs.Wrap("quota.Of", err)
	}
	return Account{
		Private: Share{row.PrivateUsed, or(row.PrivateLimit, def.owner(row.Kind, true)), row.PrivateLimit},
		Public:  Share{row.PublicUsed, or(row.PublicLimit, def.owner(row.Kind, false)), row.PublicLimit},
	}, nil
}

// Usage is the storage of a repository.
type Usage struct {
	Large, Packs int64  // bytes of its large files and of its git packs
	Limit        int64  // what holds; negative: none
	Own          *int64 // the repository's own; nil: the hub's default holds
}

// OfRepo is the storage of a repository.
func (s *Service) OfRepo(ctx context.Context, repoID string) (u Usage, err error) {
	row, err := getRepo(ctx, s.DB, repoID)
	if err == nil && row == nil {
		row, err = s.unlisted(ctx, s.DB, repoID)
	}
	if err != nil {
		return u, errs.Wrap("quota.OfRepo", err)
	}
	if row == nil {
		return u, errs.RepoNotFound()
	}
	def, err := s.Defaults(ctx, s.DB)
	return Usage{row.Large, row.Packs, or(row.SizeLimit, def.Repo), row.SizeLimit}, errs.Wrap("quota.OfRepo", err)
}

// Change sets quotas: of a pair, the first says whether there is a change. nil goes back to the hub's default, a
// negative number is no limit.
type Change struct {
	SetPrivate, SetPublic bool
	Private, Public       *int64
}

// SetOwner changes the quotas of a user or an organisation. It is for administrators of the hub: who calls it has
// checked that. What is stored already stays, whatever the new quota.
func (s *Service) SetOwner(ctx context.Context, actor hub.Actor, o account.Owner, c Change) error {
	return errs.Wrap("quota.SetOwner", s.DB.Tx(ctx, func(tx *db.Tx) error {
		row, err := getOwner(ctx, tx, o.ID)
		if err != nil {
			return err
		}
		if row == nil {
			row = &ownerRow{OwnerID: o.ID, Kind: o.Kind}
		}
		data := map[string]any{"name": o.Name}
		if c.SetPrivate {
			row.PrivateLimit, data["private"] = c.Private, c.Private
		}
		if c.SetPublic {
			row.PublicLimit, data["public"] = c.Public, c.Public
		}
		if err := putOwnerLimits(ctx, tx, row); err != nil {
			return err
		}
		if def, err := s.Defaults(ctx, tx); err != nil {
			return err
		} else if row.Stale && def.limit(row) {
			if err := keepOwner(ctx, tx, row); err != nil {
				return err
			}
		}
		return event.Append(ctx, tx, event.Event{Kind: "quota.owner", OwnerID: o.ID, ActorID: actor.UserID, Data: data, At: s.Now()})
	}))
}

// SetRepo changes the quota of a repository, for administrators of the hub as SetOwner does.
func (s *Service) SetRepo(ctx context.Context, actor hub.Actor, repoID string, limit *int64) error {
	if err := s.list(ctx, repoID); err != nil {
		return errs.Wrap("quota.SetRepo", err)
	}
	return errs.Wrap("quota.SetRepo", s.DB.Tx(ctx, func(tx *db.Tx) error {
		row, err := getRepo(ctx, tx, repoID)
		if err != nil {
			return err
		}
		if row == nil {
			return errs.RepoNotFound()
		}
		if err := putRepoLimit(ctx, tx, repoID, limit); err != nil {
			return err
		}
		return event.Append(ctx, tx, event.Event{RepoID: repoID, OwnerID: row.OwnerID, Kind: "quota.repo", ActorID: actor.UserID, Data: map[string]any{"limit": limit}, At: s.Now()})
	}))
}

// Room refuses early what a repository and its owner have no room for: more bytes than now, or with 0 anything at all. It costs a read and holds
// nothing: the transaction that adds the bytes decides.
func (s *Service) Room(ctx context.Context, repoID string, more int64) error {
	room, err := getRoom(ctx, s.DB, repoID)
	if err != nil || room == nil {
		return errs.Wrap("quota.Room", err)
	}
	def, err := s.Defaults(ctx, s.DB)
	if err != nil {
		return errs.Wrap("quota.Room", err)
	}
	used := room.Large + room.Packs
	if limit := or(room.SizeLimit, def.Repo); full(limit, used, more) {
		return overRepo(limit, used, more)
	}
	owner := room.owner()
	if owner.Kind == "" { // nobody has stored anything for the owner yet
		o, err := account.OwnerByID(ctx, s.DB, owner.OwnerID)
		if err != nil {
			return errs.Wrap("quota.Room", err)
		}
		owner.Kind = o.Kind
	}
	if !def.limit(&owner) {
		return nil
	}
	if err := sumOwner(ctx, s.DB, &owner); err != nil {
		return errs.Wrap("quota.Room", err)
	}
	return s.checkOwner(ctx, s.DB, def, owner, room.Private, more)
}

// checkOwner refuses more bytes than the row has room for.
func (s *Service) checkOwner(ctx context.Context, q db.Queryer, def Defaults, o ownerRow, private bool, more int64) error {
	limit, used := or(o.PublicLimit, def.owner(o.Kind, false)), o.PublicUsed
	if private {
		limit, used = or(o.PrivateLimit, def.owner(o.Kind, true)), o.PrivateUsed
	}
	if full(limit, used, more) {
		return s.overOwner(ctx, q, o, private, limit, used, more)
	}
	return nil
}

// DropOwner forgets an owner who is no more. Their repositories are gone already.
func DropOwner(ctx context.Context, q db.Queryer, ownerID string) error {
	_, err := q.Exec(ctx, deleteOwner, ownerID)
	return errs.Wrap("quota.DropOwner", err)
}
