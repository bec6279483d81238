package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	tokenPrefix    = "hf_" // clients refuse other prefixes
	tokenLength    = 40    // random characters: 238 bits
	minImported    = 4
	maxImported    = 512
	maxTokenName   = 128
	hintFrom       = 20 // shorter values get no hint, which would be too much of them
	alphanumerics  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	badCredentials = "Invalid credentials in Authorization header" // clients match on this text
)

// Token is an access token without its value, which nobody can read again.
type Token struct {
	ID         string
	UserID     string
	Name       string
	Hint       string // first and last characters
	Role       hub.TokenRole
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
	ExpiresAt  time.Time // zero: never
}

// NewToken is what CreateToken needs. Value imports a token of another hub; empty makes a random one.
type NewToken struct {
	Name      string
	Role      hub.TokenRole // empty: read
	Value     string
	ExpiresAt time.Time
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
}

func (r tokenRow) token() *Token {
	return &Token{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Hint: r.Hint, Role: hub.TokenRole(r.Role),
		CreatedAt: fromMicros(&r.CreatedAt), LastUsedAt: fromMicros(r.LastUsedAt), ExpiresAt: fromMicros(r.ExpiresAt),
	}
}

// CreateToken makes a token and returns its value, which is not kept.
func (s *Service) CreateToken(ctx context.Context, userID string, n NewToken) (value string, t *Token, err error) {
	if value, err = checkNewToken(&n, s.now()); err != nil {
		return "", nil, err
	}
	row := tokenRow{
		ID: hub.NewID(), UserID: userID, Name: n.Name, Hint: tokenHint(value), Role: string(n.Role),
		CreatedAt: s.now().UnixMicro(), ExpiresAt: micros(n.ExpiresAt),
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
	case n.Name == "" || utf8.RuneCountInString(n.Name) > maxTokenName || strings.ContainsFunc(n.Name, isControl):
		return "", errs.New(errs.Invalid, "A token's name must have 1 to %d characters and no control characters", maxTokenName)
	case n.Role != hub.TokenRead && n.Role != hub.TokenWrite:
		return "", errs.New(errs.Invalid, "A token's role is read or write, not %q", n.Role)
	case !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now):
		return "", errs.New(errs.Invalid, "The token would have expired already")
	case n.Value == "":
		return randomToken(), nil
	case len(n.Value) < minImported || len(n.Value) > maxImported || strings.ContainsFunc(n.Value, unprintable):
		return "", errs.New(errs.Invalid, "A token to import must have %d to %d printable ASCII characters and no space", minImported, maxImported)
	}
	return n.Value, nil
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
	n, err := tx.Exec(ctx, insertToken, r.ID, r.UserID, r.Name, secretHash(value), r.Hint, r.Role, r.CreatedAt, r.ExpiresAt)
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

// RevokeToken ends a user's token, named by its id or its name, for good.
func (s *Service) RevokeToken(ctx context.Context, userID, idOrName string) error {
	return errs.Wrap("account.RevokeToken", s.write(ctx, func(tx *db.Tx) error {
		var rows []tokenRow
		if err := tx.Select(ctx, &rows, findTokens, userID, idOrName, idOrName); err != nil {
			return err
		}
		switch len(rows) {
		case 0:
			return errs.New(errs.NotFound, "The user has no token with the id or name %q", idOrName)
		case 1:
			if _, err := tx.Exec(ctx, revokeToken, s.now().UnixMicro(), rows[0].ID); err != nil {
				return err
			}
			return s.note(ctx, tx, "token.revoke", userID, tokenEvent(rows[0]))
		}
		return errs.New(errs.Conflict, "More than one token is called %q: revoke by id", idOrName)
	}))
}

// randomToken draws each character evenly: bytes past the last whole multiple of 62 are dropped.
func randomToken() string {
	out := make([]byte, 0, len(tokenPrefix)+tokenLength)
	out = append(out, tokenPrefix...)
	const even = 256 - 256%len(alphanumerics)
	var b [64]byte
	for {
		_, _ = rand.Read(b[:])
		for _, c := range b {
			if int(c) >= even {
				continue
			}
			out = append(out, alphanumerics[int(c)%len(alphanumerics)])
			if len(out) == cap(out) {
				return string(out)
			}
		}
	}
}

func tokenHint(value string) string {
	if len(value) < hintFrom {
		return ""
	}
	return value[:5] + "…" + value[len(value)-4:]
}

// secretHash is how tokens and session secrets are kept: they are random, so a plain hash cannot be searched.
func secretHash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
