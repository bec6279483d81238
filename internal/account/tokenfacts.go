package account

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// TokenFacts are what the log of events tells of an access token, also of one that is no more.
type TokenFacts struct {
	Role    string
	Last4   string // of its value; empty of short ones
	Revoked bool
}

// TokenFacts finds access tokens by their ids; other proofs and those that left no row are left out.
func (s *Service) TokenFacts(ctx context.Context, ids []string) (map[string]TokenFacts, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	facts := map[string]TokenFacts{}
	for some := range slices.Chunk(slices.Compact(ids), namesAtOnce) {
		query, args, err := db.In(tokensByID, some)
		if err != nil {
			return nil, errs.Wrap("account.TokenFacts", err)
		}
		var rows []struct {
			ID, Role, Hint string
			RevokedAt      *int64 `db:"revoked_at"`
		}
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return nil, errs.Wrap("account.TokenFacts", err)
		}
		for _, r := range rows {
			f := TokenFacts{Role: r.Role, Revoked: r.RevokedAt != nil}
			if len(r.Hint) > 4 {
				f.Last4 = r.Hint[len(r.Hint)-4:]
			}
			facts[r.ID] = f
		}
	}
	return facts, nil
}
