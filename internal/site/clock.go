package site

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// clockRow is the name under which the hub notes what its clock said. It is no setting: nobody changes it.
const clockRow = "clock"

// ClockSeen is what the clock said when it was last noted, on whichever node; zero: never.
func ClockSeen(ctx context.Context, q db.Queryer) (time.Time, error) {
	var text string
	err := q.Get(ctx, &text, getSetting, clockRow)
	if db.IsNoRows(err) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, errs.Wrap("site.ClockSeen", err)
	}
	t, err := time.Parse(time.RFC3339, text)
	return t, errs.Wrap("site.ClockSeen", err)
}

// NoteClock writes down what the clock says.
func NoteClock(ctx context.Context, tx *db.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, putSetting, clockRow, now.UTC().Format(time.RFC3339), now.UnixMicro())
	return errs.Wrap("site.NoteClock", err)
}
