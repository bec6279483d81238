package account

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Identity is what a caller is told about themselves.
type Identity struct {
	User  User
	Orgs  []Membership
	Token *Token // nil for a session
}

// Whoami describes the actor: the account, its organisations and the token in use.
func (s *Service) Whoami(ctx context.Context, actor hub.Actor) (*Identity, error) {
	if actor.Anonymous() {
		return nil, errs.New(errs.Unauthenticated, "Not signed in: send an access token in the Authorization header")
	}
	user, err := s.GetByID(ctx, actor.UserID)
	if err != nil {
		return nil, err
	}
	id := &Identity{User: *user}
	if s.o.Orgs != nil {
		if id.Orgs, err = s.o.Orgs(ctx, user.ID); err != nil {
			return nil, err
		}
	}
	if actor.TokenID != "" {
		var row tokenRow
		if err := s.db.Get(ctx, &row, getToken, actor.TokenID); err != nil {
			return nil, errs.Wrap("account.Whoami", err)
		}
		id.Token = row.token()
	}
	return id, nil
}
