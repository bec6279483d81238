package account

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// What users have the hub write to others is counted, so that nobody makes it flood a mailbox that is not theirs.
var (
	toAddress  = limit{10, 24 * time.Hour, false} // letters to one address, whoever causes them
	fromUser   = limit{50, 24 * time.Hour, false} // letters that one user causes, whomever to
	confirming = limit{5, time.Hour, false}       // letters that ask one address to prove itself
)

// AdmitLetter counts a letter that a user causes to somebody else's mailbox, as part of tx, and refuses it beyond the
// limits: errs.RateLimited. Without from it is the operator's; without to it has been counted by its receivers.
func (s *Service) AdmitLetter(ctx context.Context, tx *db.Tx, from, to string) error {
	if to != "" {
		err := s.countLetter(ctx, tx, limitKey("letter to", foldAddress(to)), toAddress, "This address has got as many letters of this kind today as this hub sends to one")
		if err != nil {
			return err
		}
	}
	if from == "" {
		return nil
	}
	return s.countLetter(ctx, tx, limitKey("letter from", from), fromUser, "You have had this hub send as many letters today as one user may")
}

// admitConfirming counts a letter that asks an address to prove itself: whoever registers may name any.
func (s *Service) admitConfirming(ctx context.Context, tx *db.Tx, address string) error {
	return s.countLetter(ctx, tx, limitKey("confirm", foldAddress(address)), confirming, "This address has been sent as many links within the hour as this hub sends to one")
}

// countLetter counts in the transaction that causes the letter: what is not sent in the end is not counted either.
func (s *Service) countLetter(ctx context.Context, tx *db.Tx, key string, l limit, full string) error {
	now := s.now()
	if _, err := tx.Exec(ctx, purgeAttempts, now.UnixMicro(), key, l.beyond(now).UnixMicro()); err != nil {
		return err
	}
	var row struct {
		Count   int64
		ResetAt int64 `db:"reset_at"`
	}
	if err := tx.Get(ctx, &row, countAttempt, key, now.Add(l.window).UnixMicro()); err != nil || row.Count <= l.most {
		return err
	}
	wait := time.UnixMicro(row.ResetAt).Sub(now)
	seconds := int(wait/time.Second) + 1
	return errs.New(errs.RateLimited, "%s. Try again in %s.", full, (wait.Truncate(time.Minute)+time.Minute).String()).
		With("retryAfter", seconds).With("limit", l.most).With("window", int64(l.window/time.Second))
}

// foldAddress brings an address into the form by which it is counted, with the case of ASCII letters alone folded, as
// lower() does on both engines.
func foldAddress(address string) string {
	b := []byte(address)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
