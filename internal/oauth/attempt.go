package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// bound is how often something may be tried.
type bound struct {
	what   string
	most   int64
	window time.Duration
}

var (
	// A code lives 15 minutes, so one account or network has 150 of 2.6e10 chances at each code that is open.
	typing = bound{"typed", 10, time.Minute}
	asking = bound{"asked", 30, 10 * time.Minute}
)

// network is what an address is counted by.
func network(addr netip.Addr) string {
	addr = addr.Unmap()
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// admit counts one try for each of whom, in rows, so that it holds on all nodes. One over its bound refuses.
func (s *Service) admit(ctx context.Context, b bound, whom ...string) error {
	now := s.now()
	var wait time.Duration
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		wait = 0
		for _, w := range whom {
			var row struct {
				Count   int64
				ResetAt int64 `db:"reset_at"`
			}
			sum := sha256.Sum256([]byte(b.what + "\x00" + w))
			key, ends := hex.EncodeToString(sum[:]), now.Add(b.window)
			// A count that ends later than any that begins now was begun before the clock was set back, and is over.
			if _, err := tx.Exec(ctx, purgeAttempts, now.UnixMicro(), key, ends.Add(account.ClockSkew).UnixMicro()); err != nil {
				return err
			}
			if err := tx.Get(ctx, &row, countAttempt, key, ends.UnixMicro()); err != nil {
				return err
			}
			if row.Count > b.most {
				wait = max(wait, time.UnixMicro(row.ResetAt).Sub(now))
			}
		}
		return nil
	})
	if err != nil {
		return errs.Wrap("oauth.admit", err)
	}
	if wait > 0 {
		seconds := int(wait/time.Second) + 1
		return errs.New(errs.RateLimited, "Too many attempts. Try again in %d seconds.", seconds).With("retryAfter", seconds)
	}
	return nil
}
