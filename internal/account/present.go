package account

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Present rebuilds the actor behind a proof that was checked some minutes ago, by the ids that a short-lived token
// carries: a user, and the access token or, when tokenID is empty, a session. A user who was disabled and a token that
// was revoked or has expired since are errs.Unauthenticated.
func (s *Service) Present(ctx context.Context, userID, tokenID string) (hub.Actor, error) {
	var row struct {
		TokenID   string `db:"token_id"`
		TokenName string `db:"token_name"`
		Role      string
		ExpiresAt *int64 `db:"expires_at"`
		Name      string
		SiteAdmin bool `db:"site_admin"`
	}
	query, args := getPresentUser, []any{userID}
	if tokenID != "" {
		query, args = getPresentToken, []any{userID, tokenID}
	}
	err := s.db.Get(ctx, &row, query, args...)
	expired := row.ExpiresAt != nil && !time.UnixMicro(*row.ExpiresAt).After(s.now())
	if db.IsNoRows(err) || err == nil && expired {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	return hub.Actor{
		UserID: userID, Name: row.Name, SiteAdmin: row.SiteAdmin,
		TokenID: row.TokenID, TokenName: row.TokenName, Token: hub.TokenRole(row.Role),
	}, errs.Wrap("account.Present", err)
}
