package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// SchedulePrefix begins the kind of a job that Every made.
const SchedulePrefix = "every:"

// Every has f run each interval, on one node at a time, first when the hub first starts. A run that fails is logged and
// comes again at its next time. Call it before Run.
func (q *Queue) Every(name string, interval time.Duration, f func(ctx context.Context) error) {
	kind := SchedulePrefix + name
	q.Register(kind, func(ctx context.Context, _ json.RawMessage) error { return f(ctx) })
	q.mu.Lock()
	defer q.mu.Unlock()
	q.every[kind] = interval
}

func (q *Queue) interval(kind string) (time.Duration, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	d, ok := q.every[kind]
	return d, ok
}

// startSchedules makes the row of each schedule if no node has, and moves a row forward whose interval has become
// shorter.
func (q *Queue) startSchedules(ctx context.Context) error {
	q.mu.RLock()
	every := make(map[string]time.Duration, len(q.every))
	for kind, d := range q.every {
		every[kind] = d
	}
	q.mu.RUnlock()
	return errs.Wrap("jobs.startSchedules", q.db.Tx(ctx, func(tx *db.Tx) error {
		for kind, interval := range every {
			now := q.o.Now()
			var n int64
			if err := tx.Get(ctx, &n, countKind, kind); err != nil {
				return err
			}
			at := now
			if n > 0 {
				at = now.Add(interval)
			}
			query, args := insertJob, []any{kind, kind, "{}", at.UnixMicro()}
			if n > 0 {
				query, args = hastenJob, []any{at.UnixMicro(), kind, at.UnixMicro()}
			}
			if _, err := tx.Exec(ctx, query, args...); err != nil {
				return err
			}
		}
		return nil
	}))
}

// reschedule has the row of a schedule wait for its next time.
func (q *Queue) reschedule(ctx context.Context, c *claim, interval time.Duration, jobErr error) error {
	why := ""
	if jobErr != nil {
		why = clipError(jobErr)
	}
	_, err := q.db.Exec(ctx, returnJob, q.o.Now().Add(interval).UnixMicro(), 0, why, c.ID, c.Lease)
	return errs.Wrap("jobs.reschedule", err)
}
