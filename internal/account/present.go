package account

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Proofs that are no access tokens have ids of their own kind in hub.Actor.TokenID.
const (
	keyProof  = "key:"  // an SSH key, by its id
	certProof = "cert:" // an SSH certificate, by the unix second of its end
)

// Present rebuilds the actor behind a proof that was checked some minutes ago, by the ids that a short-lived token
// carries: of a user and of the access token, SSH key or certificate, or of a session when tokenID is empty. A user who
// was disabled and a proof that was revoked or has expired since are errs.Unauthenticated.
func (s *Service) Present(ctx context.Context, userID, tokenID string) (hub.Actor, error) {
	if id, ok := strings.CutPrefix(tokenID, keyProof); ok {
		return s.presentKey(ctx, userID, id)
	}
	end := ""
	query, args := getPresentUser, []any{userID}
	if cert, ok := strings.CutPrefix(tokenID, certProof); ok {
		end = cert
	} else if tokenID != "" {
		query, args = getPresentToken, []any{userID, tokenID}
	}
	var row struct {
		TokenID   string `db:"token_id"`
		TokenName string `db:"token_name"`
		Role      string
		ExpiresAt *int64 `db:"expires_at"`
		Name      string
		SiteAdmin bool `db:"site_admin"`
		Client    string
	}
	err := s.db.Get(ctx, &row, query, args...)
	expired := row.ExpiresAt != nil && !time.UnixMicro(*row.ExpiresAt).After(s.now())
	if db.IsNoRows(err) || err == nil && (expired || end != "" && s.certEnded(end)) {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	a := hub.Actor{
		UserID: userID, Name: row.Name, SiteAdmin: row.SiteAdmin,
		TokenID: row.TokenID, TokenName: row.TokenName, Token: hub.TokenRole(row.Role),
	}
	if tokenID != "" {
		a.Proof = proofOf(row.Client)
	}
	if end != "" {
		a.Proof = hub.ProofKey
		a.TokenID, a.TokenName, a.Token = tokenID, "certificate", hub.TokenWrite
	}
	return a, errs.Wrap("account.Present", err)
}

func (s *Service) certEnded(end string) bool {
	unix, err := strconv.ParseInt(end, 10, 64)
	return err != nil || s.now().Unix() >= unix
}
