package profile

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of following.
const (
	OnPage       = 100
	MaxOnPage    = 1000
	maxFollowing = 10_000 // users and organisations that one user follows
)

// Someone is a user or an organisation in a list.
type Someone struct {
	ID       string
	Kind     account.Kind
	Name     string
	Fullname string
}

// Follow has a user follow a user or an organisation. Following again changes nothing.
func (s *Service) Follow(ctx context.Context, actor hub.Actor, o account.Owner) error {
	if actor.Anonymous() || actor.Deploy {
		return errs.New(errs.Forbidden, "Only users follow others")
	}
	if o.ID == actor.UserID {
		return errs.New(errs.Invalid, "You cannot follow yourself")
	}
	return errs.Wrap("profile.Follow", s.db.Tx(ctx, func(tx *db.Tx) error {
		var many int
		if err := tx.Get(ctx, &many, countAllFollowed, actor.UserID); err != nil {
			return err
		}
		if many >= maxFollowing {
			return errs.New(errs.Forbidden, "You follow %d already, the most that one user may", many)
		}
		n, err := tx.Exec(ctx, insertFollow, actor.UserID, o.ID, string(o.Kind), s.now())
		return s.followed(ctx, tx, "user.follow", actor, o, n, err)
	}))
}

// Unfollow ends it; it is fine when it never began.
func (s *Service) Unfollow(ctx context.Context, actor hub.Actor, o account.Owner) error {
	return errs.Wrap("profile.Unfollow", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, deleteFollow, actor.UserID, o.ID)
		return s.followed(ctx, tx, "user.unfollow", actor, o, n, err)
	}))
}

// followed records in the follower's log what changed, if anything did.
func (s *Service) followed(ctx context.Context, tx *db.Tx, kind string, actor hub.Actor, o account.Owner, changed int64, err error) error {
	if err != nil || changed == 0 {
		return err
	}
	return event.Append(ctx, tx, event.Event{OwnerID: actor.UserID, ActorID: actor.UserID, Kind: kind, At: s.d.Now(),
		Data: map[string]any{"id": o.ID, "name": o.Name, "type": string(o.Kind)}})
}

// Follows reports whether a user follows somebody.
func (s *Service) Follows(ctx context.Context, userID, ownerID string) (bool, error) {
	if userID == "" {
		return false, nil
	}
	var n int
	err := s.db.Get(ctx, &n, countFollow, userID, ownerID)
	return n > 0, errs.Wrap("profile.Follows", err)
}

// Numbers are how many follow an owner, and how many users and organisations a user follows.
type Numbers struct {
	Followers     int64
	Following     int64
	FollowingOrgs int64 `db:"following_orgs"`
}

// Count counts them, by indexes alone.
func (s *Service) Count(ctx context.Context, ownerID string) (n Numbers, err error) {
	err = s.db.Get(ctx, &n, countAround, ownerID, ownerID, ownerID)
	return n, errs.Wrap("profile.Count", err)
}

// Followers is a page of the users who follow an owner, the latest first.
func (s *Service) Followers(ctx context.Context, ownerID string, p hub.Page) ([]Someone, string, error) {
	return s.page(ctx, p, listFollowers, ownerID)
}

// Following is a page of the users, or of the organisations, whom a user follows, the latest first.
func (s *Service) Following(ctx context.Context, userID string, kind account.Kind, p hub.Page) ([]Someone, string, error) {
	if kind == account.KindOrg {
		return s.page(ctx, p, listFollowedOrgs, userID)
	}
	return s.page(ctx, p, listFollowedUsers, userID)
}

func (s *Service) page(ctx context.Context, p hub.Page, query, id string) ([]Someone, string, error) {
	p = p.Clamp(OnPage, MaxOnPage)
	from, ok := hub.ParseAged(p.Cursor)
	if !ok {
		return nil, "", errs.New(errs.Invalid, "Invalid cursor: follow the Link header of the previous page as it is")
	}
	var rows []struct {
		Someone
		CreatedAt int64 `db:"created_at"`
	}
	if err := s.db.Select(ctx, &rows, query, id, from.At, from.At, from.ID, p.Limit+1); err != nil {
		return nil, "", errs.Wrap("profile.page", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = hub.Aged{At: rows[p.Limit-1].CreatedAt, ID: rows[p.Limit-1].ID}.Cursor()
	}
	list := make([]Someone, len(rows))
	for i, r := range rows {
		list[i] = r.Someone
	}
	return list, next, nil
}
