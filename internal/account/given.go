package account

import (
	"context"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// namesTried bounds the numbers behind the name of a token that an application is given.
const namesTried = 50

// GiveToken makes a token for an application that its user has agreed to, as part of tx. The name is numbered if the user
// has one of that name already. A user who is gone or disabled is errs.NotFound.
func (s *Service) GiveToken(ctx context.Context, tx *db.Tx, userID, client string, n NewToken) (value string, t *Token, err error) {
	if value, err = checkNewToken(&n, s.now()); err != nil {
		return "", nil, err
	}
	user, err := findUser(ctx, tx, getUserByID, userID)
	if err != nil {
		return "", nil, err
	}
	if user.DisabledAt != nil {
		return "", nil, errs.New(errs.NotFound, "User not found")
	}
	if n.Name, err = freeTokenName(ctx, tx, userID, n.Name); err != nil {
		return "", nil, err
	}
	row := tokenRow{
		ID: hub.NewID(), UserID: userID, Name: n.Name, Hint: tokenHint(value), Role: string(n.Role),
		CreatedAt: s.now().UnixMicro(), ExpiresAt: micros(n.ExpiresAt),
	}
	if _, err := tx.Exec(ctx, insertGivenToken, row.ID, userID, row.Name, secretHash(value), row.Hint, row.Role, row.CreatedAt, row.ExpiresAt, client); err != nil {
		return "", nil, err
	}
	data := tokenEvent(row)
	data["client"] = client
	err = s.noteBy(ctx, tx, "token.create", user, data)
	return value, row.token(), err
}

// proofOf is what a token proves: less for an application that has it than for its user.
func proofOf(client string) hub.Proof {
	if client != "" {
		return hub.ProofOAuth
	}
	return hub.ProofToken
}

// freeTokenName is the name itself, or with the first number that is free.
func freeTokenName(ctx context.Context, tx *db.Tx, userID, name string) (string, error) {
	wanted := []string{name}
	for i := 2; i <= namesTried; i++ {
		wanted = append(wanted, name+"-"+strconv.Itoa(i))
	}
	query, args, err := db.In(takenTokenNames, userID, wanted)
	if err != nil {
		return "", err
	}
	var taken []string
	if err := tx.Select(ctx, &taken, query, args...); err != nil {
		return "", err
	}
	used := map[string]bool{}
	for _, t := range taken {
		used[t] = true
	}
	for _, w := range wanted {
		if !used[w] {
			return w, nil
		}
	}
	return "", errs.New(errs.Conflict, "There are %d tokens called %q already: revoke those that are no longer used", len(taken), name)
}

// RenewGivenToken gives an application's token another value and another end, as part of tx. The old value is worth
// nothing from then on. errs.NotFound when the token is revoked, or its user gone or disabled.
func (s *Service) RenewGivenToken(ctx context.Context, tx *db.Tx, userID, tokenID string, until time.Time) (value string, err error) {
	value = randomToken()
	tx.AfterCommit(func() { s.generation.Add(1) })
	user, err := findUser(ctx, tx, getUserByID, userID)
	if err != nil {
		return "", err
	}
	row, err := findToken(ctx, tx, userID, tokenID)
	if err != nil {
		return "", err
	}
	n, err := tx.Exec(ctx, renewGivenToken, secretHash(value), tokenHint(value), until.UnixMicro(), tokenID, userID)
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", errs.New(errs.NotFound, "There is no such token")
	}
	return value, s.noteBy(ctx, tx, "token.rotate", user, tokenEvent(row))
}

// EndGivenToken revokes an application's token, as part of tx.
func (s *Service) EndGivenToken(ctx context.Context, tx *db.Tx, userID, tokenID, why string) error {
	tx.AfterCommit(func() { s.generation.Add(1) })
	user, err := findUser(ctx, tx, getUserByID, userID)
	if err != nil {
		return err
	}
	row, err := findToken(ctx, tx, userID, tokenID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, revokeToken, s.now().UnixMicro(), tokenID); err != nil {
		return err
	}
	data := tokenEvent(row)
	data["reason"] = why
	return s.noteBy(ctx, tx, "token.revoke", user, data)
}

// TokenClients are the applications that a user's tokens were given to, by the tokens' ids. Tokens that the user made are
// not among them.
func (s *Service) TokenClients(ctx context.Context, userID string) (map[string]string, error) {
	var rows []struct{ ID, Client string }
	if err := s.db.Select(ctx, &rows, givenTokens, userID); err != nil {
		return nil, errs.Wrap("account.TokenClients", err)
	}
	clients := make(map[string]string, len(rows))
	for _, r := range rows {
		clients[r.ID] = r.Client
	}
	return clients, nil
}
