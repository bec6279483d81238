package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	// SessionLife is how long a login lasts.
	SessionLife  = 30 * 24 * time.Hour
	sessionFar   = 24 * time.Hour // what ends as much later than a login of now is of a clock that was ahead, and is over
	maxUserAgent = 256
	sessionBytes = 32
	sessionIDLen = 16 // hex digits of the hash by which a session is named
)

// Client is where a login comes from.
type Client struct {
	Addr      netip.Addr
	UserAgent string
	Device    string // the cookie that Remember made on that device
}

// Session is a login under way, without its secret.
type Session struct {
	ID         string
	UserAgent  string
	Addr       string // where it began; empty if that was not noted
	CreatedAt  time.Time
	LastSeenAt time.Time // zero: not yet
	ExpiresAt  time.Time
}

// SessionID is the id by which Sessions names the session of a secret.
func SessionID(secret string) string { return secretHash(secret)[:sessionIDLen] }

// Login checks a password and begins a session. The secret goes into the client's cookie. A wrong name and a wrong
// password get the same answer after the same work.
func (s *Service) Login(ctx context.Context, nameOrEmail, password string, c Client) (secret string, err error) {
	row, err := s.findLogin(ctx, nameOrEmail)
	if err != nil {
		return "", errs.Wrap("account.Login", err)
	}
	try, err := s.newTry(ctx, nameOrEmail, row.ID, c)
	if err != nil {
		return "", errs.Wrap("account.Login", err)
	}
	ok, err := s.attempt(ctx, try, password, row)
	if err != nil {
		return "", errs.Wrap("account.Login", err)
	}
	if !ok {
		return "", errs.New(errs.Unauthenticated, "Wrong user name or password")
	}
	if row.DisabledAt != nil {
		return "", errs.New(errs.Forbidden, "This account is disabled: ask an administrator of this hub")
	}
	if row.Awaits {
		return "", s.notYet(ctx, row)
	}
	return s.beginSession(ctx, row, try.key, c)
}

// notYet answers who knows the password of an account whose address has not proven itself. The letter goes out again, as
// often as letters do.
func (s *Service) notYet(ctx context.Context, row userRow) error {
	if err := s.ResendEmail(ctx, row.ID); err != nil && !errs.Is(err, errs.RateLimited) && !errs.Is(err, errs.NotFound) {
		return err
	}
	return errs.New(errs.Forbidden, "Confirm your e-mail address first: open the link in the e-mail that this hub has sent to it")
}

// findLogin finds the user that somebody signs in as; the zero row for nobody.
func (s *Service) findLogin(ctx context.Context, nameOrEmail string) (userRow, error) {
	if !db.IsText(nameOrEmail) {
		return userRow{}, nil
	}
	query := getUserByName
	if strings.Contains(nameOrEmail, "@") {
		query = getUserByEmail
	}
	row, err := findUser(ctx, s.db, query, nameKey(nameOrEmail))
	if errs.Is(err, errs.NotFound) {
		return userRow{}, nil
	}
	return row, err
}

func (s *Service) beginSession(ctx context.Context, user userRow, key string, c Client) (string, error) {
	var b [sessionBytes]byte
	_, _ = rand.Read(b[:])
	secret, now := base64.RawURLEncoding.EncodeToString(b[:]), s.now()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		failed, err := s.tries.succeed(ctx, tx, key)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, purgeSessions, user.ID, now.UnixMicro()); err != nil {
			return err
		}
		// The password may have changed, or the account ended, while it was checked.
		n, err := tx.Exec(ctx, insertSession, secretHash(secret), clip(c.UserAgent, maxUserAgent), addrText(c.Addr), now.UnixMicro(),
			now.Add(SessionLife).UnixMicro(), user.ID, user.PasswordHash)
		if err == nil && n == 0 {
			return errs.New(errs.Unauthenticated, "Wrong user name or password")
		}
		if err != nil {
			return err
		}
		data := sessionEvent(secretHash(secret))
		data["failedBefore"] = failed
		return s.noteBy(ctx, tx, "session.create", user, data)
	})
	if err != nil {
		return "", errs.Wrap("account.Login", err)
	}
	return secret, nil
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}

// SessionActor is who has the session; errs.Unauthenticated when it is unknown or over.
func (s *Service) SessionActor(ctx context.Context, secret string) (hub.Actor, error) {
	if secret == "" || len(secret) > maxImported {
		return hub.Actor{}, errs.New(errs.Unauthenticated, "The session is over: sign in again")
	}
	hash := secretHash(secret)
	a, err := s.cache.get(ctx, "s:"+hash, s.loadSession)
	if db.IsNoRows(err) {
		return hub.Actor{}, errs.New(errs.Unauthenticated, "The session is over: sign in again")
	}
	if err != nil {
		return hub.Actor{}, errs.Wrap("account.SessionActor", err)
	}
	s.uses.touch(proof{touchSession, hash})
	return a, nil
}

func (s *Service) loadSession(ctx context.Context, key string) (hub.Actor, time.Time, error) {
	var row struct {
		UserID    string `db:"user_id"`
		Name      string
		SiteAdmin bool  `db:"site_admin"`
		ExpiresAt int64 `db:"expires_at"`
	}
	err := s.db.Get(ctx, &row, getSession, strings.TrimPrefix(key, "s:"), s.now().Add(SessionLife+sessionFar).UnixMicro())
	return hub.Actor{UserID: row.UserID, Name: row.Name, SiteAdmin: row.SiteAdmin}, fromMicros(&row.ExpiresAt), err
}

// Logout ends the session of a secret, if there is one.
func (s *Service) Logout(ctx context.Context, secret string) error {
	return errs.Wrap("account.Logout", s.write(ctx, func(tx *db.Tx) error {
		var user userRow
		err := tx.Get(ctx, &user, deleteSession, secretHash(secret))
		if db.IsNoRows(err) {
			return nil
		}
		if err == nil {
			user, err = findUser(ctx, tx, getUserByID, user.ID)
		}
		if err != nil {
			return err
		}
		return s.noteBy(ctx, tx, "session.delete", user, sessionEvent(secretHash(secret)))
	}))
}

// Sessions lists a user's sessions that are not over, the newest first.
func (s *Service) Sessions(ctx context.Context, userID string) ([]Session, error) {
	var rows []struct {
		Hash      string
		UserAgent string `db:"user_agent"`
		Addr      string
		CreatedAt int64 `db:"created_at"`
		LastSeen  int64 `db:"last_seen_at"`
		ExpiresAt int64 `db:"expires_at"`
	}
	if err := s.db.Select(ctx, &rows, listSessions, userID, s.now().UnixMicro()); err != nil {
		return nil, errs.Wrap("account.Sessions", err)
	}
	sessions := make([]Session, len(rows))
	for i, r := range rows {
		sessions[i] = Session{ID: r.Hash[:sessionIDLen], UserAgent: r.UserAgent, Addr: r.Addr, CreatedAt: fromMicros(&r.CreatedAt), ExpiresAt: fromMicros(&r.ExpiresAt)}
		if seen := s.uses.of(proof{touchSession, r.Hash}); !seen.IsZero() {
			sessions[i].LastSeenAt = seen
		} else if r.LastSeen > 0 {
			sessions[i].LastSeenAt = fromMicros(&r.LastSeen)
		}
	}
	return sessions, nil
}

// RevokeSessions ends all of a user's sessions but the one whose secret is keep.
func (s *Service) RevokeSessions(ctx context.Context, userID, keep string) error {
	if keep != "" {
		keep = secretHash(keep)
	}
	return errs.Wrap("account.RevokeSessions", s.write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, deleteOtherSessions, userID, keep)
		if err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, "session.revoke", userID, map[string]any{"sessions": n})
	}))
}

// RevokeSession ends one of a user's sessions by the id that Sessions gave.
func (s *Service) RevokeSession(ctx context.Context, userID, id string) error {
	if !db.IsText(id) {
		return errs.New(errs.NotFound, "There is no such session")
	}
	return errs.Wrap("account.RevokeSession", s.write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, revokeSession, userID, id)
		if err == nil && n == 0 {
			return errs.New(errs.NotFound, "There is no such session")
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, "session.revoke", userID, sessionEvent(id))
	}))
}
