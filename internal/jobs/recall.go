package jobs

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	recallEvery = time.Minute
	// recallBeyond is more than any schedule or retry waits.
	recallBeyond = 8 * 24 * time.Hour
)

// recall has jobs come back that wait for a time which is further away than any that is asked for: it was reckoned by a
// clock that was ahead and has been set back since.
func (q *Queue) recall(ctx context.Context) {
	tick := time.NewTicker(recallEvery)
	defer tick.Stop()
	for {
		if err := q.Recall(ctx); err != nil && ctx.Err() == nil {
			q.o.Log.Warn("jobs: those of a clock that was ahead could not be called back, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Orphan ends all leases: for who knows that no other process runs jobs, since it has died. Its jobs are then run again at once,
// and not when their leases are over. Were there one, it would lose its leases and jobs would run twice, as they may.
func (q *Queue) Orphan(ctx context.Context) error {
	_, err := q.db.Exec(ctx, orphanJobs) // not 0: a job that waits under the same key stays another one
	return errs.Wrap("jobs.Orphan", err)
}

// Recall does it once. It reads before it writes.
func (q *Queue) Recall(ctx context.Context) error {
	now := q.o.Now()
	beyond := now.Add(recallBeyond).UnixMicro()
	var n int64
	if err := q.db.Get(ctx, &n, countBeyond, beyond); err != nil || n == 0 {
		return err
	}
	if _, err := q.db.Exec(ctx, recallJobs, now.UnixMicro(), beyond); err != nil {
		return err
	}
	q.poke()
	return nil
}
