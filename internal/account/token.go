package account

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	minImported  = 4
	maxImported  = 512
	maxTokenName = 128
	maxTokens    = 1000 // of one user, not revoked
)

// Token is an access token without its value, which nobody can read again.
type Token struct {
	ID         string
	UserID     string
	Name       string
	Hint       string // first and last characters
	Role       hub.TokenRole
	Scopes     *hub.Scopes // of a fine-grained token
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
	ExpiresAt  time.Time // zero: never

	barred *hub.IDSet
}

// BarredFrom reports whether an organisation has ended the token's access to it.
func (t *Token) BarredFrom(orgID string) bool { return t.barred.Has(orgID) }

// NewToken is what CreateToken needs. Value imports a token of another hub; empty makes a random one.
type NewToken struct {
	Name      string
	Role      hub.TokenRole // empty: read
	Scopes    *hub.Scopes   // of a fine-grained one
	Value     string
	ExpiresAt time.Time
	By        hub.Actor // who asks for it: the token ends no later than that proof. The zero actor is the operator
}

type tokenRow struct {
	ID         string
	UserID     string `db:"user_id"`
	Name       string
	Hint       string
	Role       string
	CreatedAt  int64  `db:"created_at"`
	LastUsedAt *int64 `db:"last_used_at"`
	ExpiresAt  *int64 `db:"expires_at"`
	Scopes     string
	Barred     string
}

func (r tokenRow) token() *Token {
	return &Token{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Hint: r.Hint, Role: hub.TokenRole(r.Role),
		CreatedAt: fromMicros(&r.CreatedAt), LastUsedAt: fromMicros(r.LastUsedAt), ExpiresAt: fromMicros(r.ExpiresAt),
		Scopes: decodeScopes(r.Role, r.Scopes), barred: barredSet(r.Barred),
	}
}

// CreateToken makes a token and returns its value, which is not kept.
func (s *Service) CreateToken(ctx context.Context, userID string, n NewToken) (value string, t *Token, err error) {
	if value, err = checkNewToken(&n, s.now()); err != nil {
		return "", nil, err
	}
	if err := outlives(n.By, n.ExpiresAt); err != nil {
		return "", nil, err
	}
	row := tokenRow{
		ID: hub.NewID(), UserID: userID, Name: n.Name, Hint: tokenHint(value), Role: string(n.Role),
		CreatedAt: s.now().UnixMicro(), ExpiresAt: micros(n.ExpiresAt), Scopes: encodeScopes(n.Scopes),
	}
	err = s.write(ctx, func(tx *db.Tx) error { return s.insertToken(ctx, tx, row, value) })
	if err != nil {
		return "", nil, errs.Wrap("account.CreateToken", err)
	}
	return value, row.token(), nil
}

func checkNewToken(n *NewToken, now time.Time) (value string, err error) {
	n.Name = strings.TrimSpace(n.Name)
	if n.Role == "" {
		n.Role = hub.TokenRead
	}
	switch {
	case !utf8.ValidString(n.Name) || n.Name == "" || utf8.RuneCountInString(n.Name) > maxTokenName || strings.ContainsFunc(n.Name, isControl):
		return "", errs.New(errs.Invalid, "A token's name must have 1 to %d characters and no control characters", maxTokenName)
	case n.Role != hub.TokenRead && n.Role != hub.TokenWrite && n.Role != hub.TokenFineGrained:
		return "", errs.New(errs.Invalid, "A token's role is read, write or fineGrained, not %q", n.Role)
	case !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now):
		return "", errs.New(errs.Invalid, "The token would have expired already")
	}
	if err := checkScopes(n.Role, n.Scopes); err != nil {
		return "", err
	}
	switch {
	case n.Value == "":
		return randomToken(), nil
	case len(n.Value) < minImported || len(n.Value) > maxImported || strings.ContainsFunc(n.Value, unprintable):
		return "", errs.New(errs.Invalid, "A token to import must have %d to %d printable ASCII characters and no space", minImported, maxImported)
	}
	return n.Value, nil
}

// outlives refuses what would be good for longer than the proof that makes it: who gets hold of a token for a day must
// not have the account for ever. A zero end is none.
func outlives(by hub.Actor, end time.Time) error {
	if by.Ends.IsZero() || !end.IsZero() && !end.After(by.Ends) {
		return nil
	}
	return errs.New(errs.Forbidden, "This access token expires on %s, and makes no proof that is good for longer: name an earlier end, or use a session or a token that does not expire",
		by.Ends.UTC().Format("2 January 2006, 15:04 UTC"))
}

func unprintable(c rune) bool { return c <= ' ' || c > '~' }

func (s *Service) insertToken(ctx context.Context, tx *db.Tx, r tokenRow, value string) error {
	if _, err := findUser(ctx, tx, getUserByID, r.UserID); err != nil {
		return err
	}
	var same []tokenRow
	if err := tx.Select(ctx, &same, findTokens, r.UserID, r.Name, r.Name); err != nil {
		return err
	}
	if len(same) > 0 {
		return errs.New(errs.Conflict, "The user already has a token named %q: choose another name or revoke that one", r.Name)
	}
	var live int
	if err := tx.Get(ctx, &live, countTokens, r.UserID); err != nil {
		return err
	}
	if live >= maxTokens {
		return errs.New(errs.Conflict, "The user has %d tokens already: revoke some", live)
	}
	n, err := tx.Exec(ctx, insertToken, r.ID, r.UserID, r.Name, secretHash(value), r.Hint, r.Role, r.CreatedAt, r.ExpiresAt, r.Scopes)
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "This token value is or was in use: choose another one")
	}
	if err != nil {
		return err
	}
	return s.note(ctx, tx, "token.create", r.UserID, tokenEvent(r))
}

// Tokens lists a user's tokens that are not revoked, the newest first.
func (s *Service) Tokens(ctx context.Context, userID string) ([]*Token, error) {
	var rows []tokenRow
	if err := s.db.Select(ctx, &rows, listTokens, userID); err != nil {
		return nil, errs.Wrap("account.Tokens", err)
	}
	tokens := make([]*Token, len(rows))
	for i, r := range rows {
		tokens[i] = r.token()
		if at := s.uses.of(proof{touchToken, r.ID}); at.After(tokens[i].LastUsedAt) {
			tokens[i].LastUsedAt = at
		}
	}
	return tokens, nil
}
