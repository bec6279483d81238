package content

import (
	"context"
	"io"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/slot"
)

// How long a request waits for one of a few turns: for what a page shows, and for work that takes minutes. The turns of a
// repository, in which what was sent becomes a commit, are waited for as long as the hub's own work before it takes.
const (
	pageWait = 20 * time.Second
	workWait = time.Minute
)

// take waits for a turn and no longer; then it is errs.Unavailable. It is for the beginning of a request: what an answer
// has begun with is not refused.
func take(ctx context.Context, turns slot.Slots, wait time.Duration) error {
	busy := errs.New(errs.Unavailable, "This node works on as many requests of this kind as it can; this one was not begun. Try again in a minute.")
	return errs.Wrap("content.take", turns.TakeWithin(ctx, wait, busy))
}

const turnPiece = 256 << 10 // bytes that are gathered before a client is waited for

// turnWriter holds one of a few turns while bytes are made, and gives it to others while the client takes them.
type turnWriter struct {
	ctx   context.Context // of the one request that it serves
	w     io.Writer
	turns slot.Slots
	buf   []byte
	held  bool
}

// begin is take for the first time, before there is an answer.
func (t *turnWriter) begin() error {
	err := take(t.ctx, t.turns, pageWait)
	t.held = err == nil
	return err
}

func (t *turnWriter) take() error {
	if err := t.turns.Take(t.ctx); err != nil {
		return errs.Wrap("content.turn", err)
	}
	t.held = true
	return nil
}

func (t *turnWriter) give() {
	if t.held {
		t.held = false
		t.turns.Give()
	}
}

func (t *turnWriter) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if len(t.buf) < turnPiece {
		return len(p), nil
	}
	if err := t.flush(); err != nil {
		return 0, err
	}
	return len(p), t.take()
}

// flush writes what was gathered, without a turn.
func (t *turnWriter) flush() error {
	t.give()
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}
