package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
)

const (
	loginTries  = 10
	loginWindow = time.Minute
	maxBlocked  = 10_000
)

// limit is how often something may be tried, and over what time.
type limit struct {
	most   int64
	window time.Duration
	noted  bool // the first try that is refused is noted, whether there is a user whose log it belongs to or not
}

// ClockSkew is more than the clocks of nodes differ.
const ClockSkew = 5 * time.Minute

// beyond is the end that no count of this limit has: what ends later was begun before the clock was set back, and is over.
func (l limit) beyond(now time.Time) time.Time { return now.Add(l.window + ClockSkew) }

var (
	loginLimit    = limit{loginTries, loginWindow, true}  // by what was typed as the name, and network
	networkLimit  = limit{100, 10 * time.Minute, true}    // wrong passwords, by network
	resetLimit    = limit{loginTries, loginWindow, false} // questions for a new password, by network
	registerLimit = limit{20, 10 * time.Minute, false}    // by network
	letterLimit   = limit{5, time.Hour, false}            // letters to an address that a user names, by user
)

// throttle counts logins per account and network. It slows a guesser down and leaves the owner, who sits elsewhere,
// alone. Rows make it hold on all nodes and over restarts; blocked spares the database a flood.
type throttle struct {
	db  *db.DB
	now func() time.Time

	mu      sync.Mutex
	blocked map[string]time.Time // until when
}

func newThrottle(d *db.DB, now func() time.Time) *throttle {
	return &throttle{db: d, now: now, blocked: map[string]time.Time{}}
}

// network is what an address counts as: itself, or the /64 that one client of IPv6 has.
func network(addr netip.Addr) string {
	addr = addr.Unmap()
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// throttleKey hides the name that somebody typed, which may well be a password.
func throttleKey(account string, addr netip.Addr) string {
	return limitKey(account, network(addr))
}

func limitKey(what, whom string) string {
	sum := sha256.Sum256([]byte(what + "\x00" + whom))
	return hex.EncodeToString(sum[:])
}

// admit counts a try and refuses those beyond the limit. The first that is refused is noted in the log of the
// user whom somebody tried to sign in as; userID is empty for nobody.
func (t *throttle) admit(ctx context.Context, key string, l limit, userID string) error {
	now := t.now()
	if until := t.blockedUntil(key, l.beyond(now)); until.After(now) {
		return tooManyTries(until.Sub(now), l)
	}
	var row struct {
		Count   int64
		ResetAt int64 `db:"reset_at"`
	}
	err := t.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, purgeAttempts, now.UnixMicro(), key, l.beyond(now).UnixMicro()); err != nil {
			return err
		}
		if err := tx.Get(ctx, &row, countAttempt, key, now.Add(l.window).UnixMicro()); err != nil || row.Count != l.most+1 || !l.noted {
			return err
		}
		return event.Append(ctx, tx, event.Event{Kind: "session.blocked", OwnerID: userID, At: now, Data: map[string]any{"tries": row.Count}})
	})
	if err != nil {
		return errs.Wrap("account.throttle", err)
	}
	if row.Count > l.most {
		until := time.UnixMicro(row.ResetAt)
		t.block(key, until)
		return tooManyTries(until.Sub(now), l)
	}
	return nil
}

// check refuses what is beyond the limit, and counts nothing.
func (t *throttle) check(ctx context.Context, key string, l limit) error {
	now := t.now()
	until := t.blockedUntil(key, l.beyond(now))
	if !until.After(now) {
		var row struct {
			Count   int64
			ResetAt int64 `db:"reset_at"`
		}
		err := t.db.Get(ctx, &row, getAttempt, key, now.UnixMicro(), l.beyond(now).UnixMicro())
		if db.IsNoRows(err) || err == nil && row.Count <= l.most {
			return nil
		}
		if err != nil {
			return errs.Wrap("account.throttle", err)
		}
		until = time.UnixMicro(row.ResetAt)
		t.block(key, until)
	}
	return tooManyTries(until.Sub(now), l)
}

func (t *throttle) blockedUntil(key string, beyond time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocked[key].After(beyond) {
		delete(t.blocked, key)
	}
	return t.blocked[key]
}

func (t *throttle) block(key string, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.blocked) >= maxBlocked {
		clear(t.blocked) // the rows still know
	}
	t.blocked[key] = until
}

// succeed forgets the tries that led to a login, and says how many failed.
func (t *throttle) succeed(ctx context.Context, tx *db.Tx, key string) (failed int64, err error) {
	var tries int64
	err = tx.Get(ctx, &tries, deleteAttempt, key)
	if db.IsNoRows(err) {
		return 0, nil
	}
	return max(tries-1, 0), err
}

func tooManyTries(wait time.Duration, l limit) error {
	seconds := int(wait/time.Second) + 1
	return errs.New(errs.RateLimited, "Too many attempts. Try again in %d seconds.", seconds).
		With("retryAfter", seconds).With("limit", l.most).With("window", int64(l.window/time.Second))
}
