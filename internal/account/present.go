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
	end, rotations := "", "0"
	query, args := getPresentUser, []any{userID}
	if cert, ok := strings.CutPrefix(tokenID, certProof); ok {
		end = cert
	} else if tokenID != "" {
		id, n, rotated := strings.Cut(tokenID, ".") // see hub.Actor.ProofID
		if rotated {
			rotations = n
		}
		query, args = getPresentToken, []any{userID, id}
	}
	var row actorRow
	err := s.db.Get(ctx, &row, query, args...)
	expired := row.ExpiresAt != nil && !time.UnixMicro(*row.ExpiresAt).After(s.now())
	rotated := strconv.FormatInt(row.Rotations, 10) != rotations
	if db.IsNoRows(err) || err == nil && (expired || rotated || end != "" && s.certEnded(end)) {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	a := row.actor()
	if end != "" {
		a.Proof, a.TokenID, a.TokenName, a.Token = hub.ProofKey, tokenID, "certificate", hub.TokenWrite
	}
	return a, errs.Wrap("account.Present", err)
}

func (s *Service) certEnded(end string) bool {
	unix, err := strconv.ParseInt(end, 10, 64)
	return err != nil || s.now().Unix() >= unix
}
