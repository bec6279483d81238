package content

import (
	"bytes"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/slot"
)

// What others work on for long kept requests waiting without an answer.
func TestTurnsAreWaitedForSoLong(t *testing.T) {
	turns := slot.Of(1)
	if err := take(t.Context(), turns, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := take(t.Context(), turns, time.Millisecond); !errs.Is(err, errs.Unavailable) {
		t.Errorf("all turns are taken: %v", err)
	}
	turns.Give()
	if err := take(t.Context(), turns, time.Minute); err != nil {
		t.Errorf("a turn is free: %v", err)
	}
	turns.Give()
}

// A turn is held while bytes are made, not while the client takes them, and is given back once.
func TestTurnWriterHoldsOneTurn(t *testing.T) {
	turns := slot.Of(1)
	var out bytes.Buffer
	w := &turnWriter{ctx: t.Context(), w: &out, turns: turns}
	if err := w.begin(); err != nil || len(turns) != 1 {
		t.Fatal(err, len(turns))
	}
	for range 3 {
		if _, err := w.Write(make([]byte, turnPiece)); err != nil || len(turns) != 1 {
			t.Fatal(err, len(turns))
		}
	}
	if err := w.flush(); err != nil || len(turns) != 0 || out.Len() != 3*turnPiece {
		t.Error(err, len(turns), out.Len())
	}
	w.give()
	if len(turns) != 0 {
		t.Error("a turn was given back twice")
	}
}
