package account

import (
	"context"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// RotateToken gives a user's token, named by its id or its name, a new value. The old one is good for nothing from then
// on, nor is what was made by it; name, role, scopes and expiry stay. by is who does it; the zero actor is the operator.
func (s *Service) RotateToken(ctx context.Context, by hub.Actor, userID, idOrName string) (value string, t *Token, err error) {
	value = randomToken()
	err = s.write(ctx, func(tx *db.Tx) error {
		row, err := findToken(ctx, tx, userID, idOrName)
		if err != nil {
			return err
		}
		if err := outlives(by, fromMicros(row.ExpiresAt)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, rotateToken, secretHash(value), tokenHint(value), row.ID); err != nil {
			return err
		}
		row.Hint = tokenHint(value)
		t = row.token()
		return s.note(ctx, tx, "token.rotate", userID, tokenEvent(row))
	})
	if err != nil {
		return "", nil, errs.Wrap("account.RotateToken", err)
	}
	return value, t, nil
}

// RevokeToken ends a user's token, named by its id or its name, for good.
func (s *Service) RevokeToken(ctx context.Context, userID, idOrName string) error {
	return errs.Wrap("account.RevokeToken", s.write(ctx, func(tx *db.Tx) error {
		row, err := findToken(ctx, tx, userID, idOrName)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, revokeToken, s.now().UnixMicro(), row.ID); err != nil {
			return err
		}
		return s.note(ctx, tx, "token.revoke", userID, tokenEvent(row))
	}))
}

// findToken finds the one token that an id or a name means.
func findToken(ctx context.Context, tx *db.Tx, userID, idOrName string) (tokenRow, error) {
	var rows []tokenRow
	if !db.IsText(idOrName) {
		return tokenRow{}, errs.New(errs.NotFound, "The user has no such token")
	}
	if err := tx.Select(ctx, &rows, findTokens, userID, idOrName, idOrName); err != nil {
		return tokenRow{}, err
	}
	switch len(rows) {
	case 0:
		return tokenRow{}, errs.New(errs.NotFound, "The user has no token with the id or name %q", idOrName)
	case 1:
		return rows[0], nil
	}
	return tokenRow{}, errs.New(errs.Conflict, "More than one token is called %q: name it by its id", idOrName)
}

// MaxLeaked bounds how many values RevokeLeaked takes at once.
const MaxLeaked = 1000

// RevokeLeaked ends the tokens of these values for good, whoever they belong to: who has found a value needs no other
// right. What is no token, or none any more, is passed over, so that nobody learns anything about a value. Their users
// read of it in their log.
func (s *Service) RevokeLeaked(ctx context.Context, values []string) error {
	if len(values) > MaxLeaked {
		return errs.New(errs.Invalid, "At most %d values may be sent at once", MaxLeaked)
	}
	hashes := make([]string, len(values))
	for i, v := range values {
		hashes[i] = secretHash(v)
	}
	slices.Sort(hashes)
	for some := range slices.Chunk(slices.Compact(hashes), namesAtOnce) {
		if err := s.revokeHashes(ctx, some); err != nil {
			return errs.Wrap("account.RevokeLeaked", err)
		}
	}
	return nil
}

func (s *Service) revokeHashes(ctx context.Context, hashes []string) error {
	query, args, err := db.In(findTokensByHash, hashes)
	if err != nil {
		return err
	}
	var rows []tokenRow
	if err := s.db.Select(ctx, &rows, query, args...); err != nil || len(rows) == 0 {
		return err
	}
	return s.write(ctx, func(tx *db.Tx) error {
		for _, r := range rows { // few: a value is found once
			n, err := tx.Exec(ctx, revokeToken, s.now().UnixMicro(), r.ID)
			if err != nil {
				return err
			}
			if n == 0 { // meanwhile
				continue
			}
			if err := s.note(ctx, tx, "token.leak", r.UserID, tokenEvent(r)); err != nil {
				return err
			}
			if s.o.TokenLeaked == nil {
				continue
			}
			user, err := findUser(ctx, tx, getUserByID, r.UserID)
			if err != nil {
				return err
			}
			if err := s.o.TokenLeaked(ctx, tx, user.user(), r.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// LiveToken finds a token that is not revoked, by its id or, with byValue, by its value. errs.NotFound when there is none.
func (s *Service) LiveToken(ctx context.Context, token string, byValue bool) (*Token, error) {
	query, key := getLiveToken, token
	if byValue {
		query, key = findTokenByHash, secretHash(token)
	}
	var row tokenRow
	if !db.IsText(key) {
		return nil, errs.New(errs.NotFound, "There is no such token")
	}
	err := s.db.Get(ctx, &row, query, key)
	if db.IsNoRows(err) {
		return nil, errs.New(errs.NotFound, "There is no such token")
	}
	return row.token(), errs.Wrap("account.LiveToken", err)
}

// BarToken ends a token's access to an organisation, for good; elsewhere it works on.
func (s *Service) BarToken(ctx context.Context, orgID string, t *Token) error {
	return errs.Wrap("account.BarToken", s.write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, barToken, orgID+" ", t.ID, "%"+orgID+"%")
		if err != nil || n == 0 { // it was already
			return err
		}
		data := tokenEvent(tokenRow{ID: t.ID, Name: t.Name, Role: string(t.Role)})
		data["user"] = t.UserID
		return event.Append(ctx, tx, event.Event{Kind: "org.token.revoke", OwnerID: orgID, Data: data, At: s.now()})
	}))
}

func barredSet(column string) *hub.IDSet { return hub.NewIDSet(strings.Fields(column)...) }
