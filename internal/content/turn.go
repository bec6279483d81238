package content

import (
	"context"
	"io"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/slot"
)

const turnPiece = 256 << 10 // bytes that are gathered before a client is waited for

// turnWriter holds one of a few turns while bytes are made, and gives it to others while the client takes them.
type turnWriter struct {
	ctx   context.Context // of the one request that it serves
	w     io.Writer
	turns slot.Slots
	buf   []byte
	held  bool
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
