package fsck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Status is what is known of the storage without looking at it.
type Status struct {
	Started     time.Time // of the pass that is under way; zero: none is
	Done, Total int64     // bytes of it
	LastStarted time.Time // of the last pass that came to its end; zero: none did
	LastEnded   time.Time
	Marked      int64        // xorbs that are known to be damaged and that repositories are made of, without those given up
	Open        map[Kind]int // damage that was found and has not been found sound since
}

// StatusOf reads it. It costs three statements.
func StatusOf(ctx context.Context, q db.Queryer) (s Status, err error) {
	row, err := getPass(ctx, q)
	if err != nil {
		return s, err
	}
	if row != nil {
		if row.FinishedAt == nil {
			s.Started, s.Done, s.Total = time.UnixMicro(row.StartedAt).UTC(), row.Done, row.Total
		}
		if row.LastFinished != nil {
			s.LastStarted, s.LastEnded = time.UnixMicro(*row.LastStarted).UTC(), time.UnixMicro(*row.LastFinished).UTC()
		}
	}
	if s.Open, err = CountOpen(ctx, q); err != nil {
		return s, err
	}
	s.Marked, err = xetstore.CountDamaged(ctx, q)
	return s, err
}

// Damaged is how many findings are open.
func (s *Status) Damaged() (n int) {
	for _, k := range s.Open {
		n += k
	}
	return n
}

// Findings says how many of which kind are open, and how many xorbs are marked, by readers or by these.
func (s *Status) Findings() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(s.Open)) {
		parts = append(parts, fmt.Sprintf("%d %s", s.Open[kind], kind))
	}
	if s.Marked > 0 {
		parts = append(parts, fmt.Sprintf("%d xorbs whose bytes are asked for again", s.Marked))
	}
	return strings.Join(parts, ", ")
}

// Reading says how far the reading of all bytes is.
func (s *Status) Reading() string {
	text := "no pass over all bytes has ended yet"
	if !s.LastEnded.IsZero() {
		text = "the last pass over all bytes ended on " + s.LastEnded.Format(time.DateOnly)
	}
	if !s.Started.IsZero() {
		text += fmt.Sprintf("; %s of %s are read since %s", size(s.Done), size(s.Total), s.Started.Format(time.DateOnly))
	}
	return text
}
