package app

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
)

// sealEvents seals the log of events and tells the head of the chain: a log file that is kept elsewhere proves by it that
// nobody has written the past anew.
func (a *App) sealEvents(ctx context.Context) error {
	head, err := event.Seal(ctx, a.db)
	if err != nil || head.Seq == a.sealed.Swap(head.Seq) {
		return err
	}
	a.log.Info("events sealed", "head", head.String())
	return nil
}

// VerifyAudit walks the sealed log. want is a head that was noted before, as SEQ:HASH; empty: none.
func (a *App) VerifyAudit(ctx context.Context, want string) (event.Verified, error) {
	head, err := parseHead(want)
	if err != nil {
		return event.Verified{}, err
	}
	return event.Verify(ctx, a.db, head)
}

func parseHead(s string) (h event.Head, err error) {
	if s == "" {
		return h, nil
	}
	seq, hash, _ := strings.Cut(s, ":")
	h.Seq, err = strconv.ParseInt(seq, 10, 64)
	if err == nil {
		h.Hash, err = hex.DecodeString(hash)
	}
	if err != nil || h.Seq < 1 || len(h.Hash) != 32 {
		return h, errs.New(errs.Invalid, "%q is no head of the log: give what the log file says after head=, such as 120:9f86…", s)
	}
	return h, nil
}
