package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// unknownWait is how long a job of an unknown kind rests: a newer node may know it.
const unknownWait = time.Minute

var errLeaseLost = errors.New("jobs: the lease was lost")

// claim is a job that this process holds. Lease is the fence: whoever took the job over has written another one, and
// every statement of the former holder then changes nothing.
type claim struct {
	ID       int64
	Kind     string
	DedupKey string `db:"dedup_key"`
	Payload  string
	Attempts int64 // this one included
	Lease    int64 `db:"lease_until"`
}

// Run works until ctx ends, and returns when the jobs under way have.
func (q *Queue) Run(ctx context.Context) error {
	if err := q.startSchedules(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { q.recall(ctx) })
	for range q.o.Workers {
		wg.Go(func() { q.work(ctx) })
	}
	wg.Wait()
	return nil
}

func (q *Queue) work(ctx context.Context) {
	for ctx.Err() == nil {
		ran, err := q.runOne(ctx)
		if err != nil && ctx.Err() == nil {
			q.o.Log.Warn("jobs: the queue could not be read, trying again", "error", err)
		}
		if ran && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-time.After(jitter(q.o.Poll, 0.2) - q.o.Poll/5): // at most Poll
		}
	}
}

// RunDue runs what is due now, one after the other, and returns how many jobs ran. Tests and tools use it without Run.
func (q *Queue) RunDue(ctx context.Context) (int, error) {
	for n := 0; ; n++ {
		ran, err := q.runOne(ctx)
		if err != nil || !ran {
			return n, err
		}
	}
}

// runOne takes the job that is due longest and runs it.
func (q *Queue) runOne(ctx context.Context) (bool, error) {
	c, err := q.claim(ctx)
	if err != nil || c == nil {
		return false, err
	}
	q.poke() // there may be more: let another worker look
	h := q.handler(c.Kind)
	interval, scheduled := q.interval(c.Kind)
	switch {
	case h == nil:
		return true, q.release(ctx, c, unknownWait, "no handler for this kind of job")
	case !scheduled && c.Attempts > int64(q.o.MaxAttempts):
		return true, q.giveUp(ctx, c, errors.New("no attempt came to an end: the job seems to kill its process"))
	}
	jobErr := q.hold(ctx, c, h)
	if errors.Is(jobErr, errLeaseLost) {
		q.o.Log.Warn("jobs: another worker took over", "kind", c.Kind, "job", c.ID)
		return true, nil
	}
	ended := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx) // write the outcome down even while stopping
	switch {
	case jobErr != nil && ended:
		return true, q.release(ctx, c, 0, "interrupted: the process stopped")
	case scheduled:
		q.logFailure(c, jobErr)
		return true, q.reschedule(ctx, c, interval, jobErr)
	case jobErr == nil:
		_, err := q.db.Exec(ctx, deleteJob, c.ID, c.Lease)
		return true, errs.Wrap("jobs.finish", err)
	}
	q.logFailure(c, jobErr)
	return true, q.retry(ctx, c, jobErr)
}

// claim takes the job that is due longest, nil if none is. It reads before it writes, so that an idle queue takes no
// lock. A lease that ends later than any that is given now was taken before the clock was set back, and is over.
func (q *Queue) claim(ctx context.Context) (*claim, error) {
	for {
		now := q.o.Now().UnixMicro()
		var due, c claim
		err := q.db.Get(ctx, &due, findDue, now, now, now+2*q.o.Lease.Microseconds())
		if db.IsNoRows(err) {
			return nil, nil
		}
		if err != nil {
			return nil, errs.Wrap("jobs.claim", err)
		}
		err = q.db.Tx(ctx, func(tx *db.Tx) error {
			return tx.Get(ctx, &c, takeJob, now+q.o.Lease.Microseconds(), due.ID, due.Lease, now)
		})
		if err == nil {
			return &c, nil
		}
		if !db.IsNoRows(err) { // else another worker was faster
			return nil, errs.Wrap("jobs.claim", err)
		}
	}
}

// hold runs the handler and renews the lease while it does.
func (q *Queue) hold(ctx context.Context, c *claim, h Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan error, 1)
	go func() { done <- safely(ctx, h, json.RawMessage(c.Payload)) }()
	beat := time.NewTicker(q.o.Lease / 3)
	defer beat.Stop()
	defer cancel(nil)
	until := q.o.Now().Add(q.o.Lease)
	for {
		select {
		case err := <-done:
			return err
		case <-beat.C:
		}
		now := q.o.Now()
		lease := now.Add(q.o.Lease)
		n, err := q.db.Exec(context.WithoutCancel(ctx), renewJob, lease.UnixMicro(), c.ID, c.Lease)
		switch {
		case err == nil && n == 1:
			c.Lease, until = lease.UnixMicro(), lease
		case err == nil, now.After(until): // taken over, or the database was out of reach for as long
			cancel(errLeaseLost)
			<-done //nolint:errcheck // whatever came of it, the job is another worker's now
			return errLeaseLost
		}
	}
}

func safely(ctx context.Context, h Handler, payload json.RawMessage) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h(ctx, payload)
}

// retry puts a failed job back, or gives it up after the last attempt.
func (q *Queue) retry(ctx context.Context, c *claim, jobErr error) error {
	if c.Attempts >= int64(q.o.MaxAttempts) {
		return q.giveUp(ctx, c, jobErr)
	}
	wait := q.o.Backoff
	for i := int64(1); i < c.Attempts && wait < q.o.MaxBackoff; i++ {
		wait *= 2
	}
	wait = min(wait, q.o.MaxBackoff)
	return q.putBack(ctx, c, jitter(wait, 0.25), clipError(jobErr), c.Attempts)
}

func (q *Queue) giveUp(ctx context.Context, c *claim, jobErr error) error {
	_, err := q.db.Exec(ctx, failJob, q.o.Now().UnixMicro(), clipError(jobErr), c.ID, c.Lease)
	return errs.Wrap("jobs.giveUp", err)
}

// release puts a job back that was not at fault: the attempt does not count.
func (q *Queue) release(ctx context.Context, c *claim, wait time.Duration, why string) error {
	return q.putBack(ctx, c, wait, why, c.Attempts-1)
}

// putBack has a job wait again. When one of the same key waits already, that one stands for both.
func (q *Queue) putBack(ctx context.Context, c *claim, wait time.Duration, why string, attempts int64) error {
	return errs.Wrap("jobs.putBack", q.db.Tx(ctx, func(tx *db.Tx) error {
		var n int64
		if err := tx.Get(ctx, &n, countWaiting, c.Kind, c.DedupKey); err != nil {
			return err
		}
		if c.DedupKey != "" && n > 0 {
			_, err := tx.Exec(ctx, deleteJob, c.ID, c.Lease)
			return err
		}
		_, err := tx.Exec(ctx, returnJob, q.o.Now().Add(wait).UnixMicro(), attempts, why, c.ID, c.Lease)
		return err
	}))
}

func (q *Queue) logFailure(c *claim, err error) {
	if err != nil {
		q.o.Log.Error("job failed", "kind", c.Kind, "job", c.ID, "attempt", c.Attempts, "of", q.o.MaxAttempts, "error", err)
	}
}

// jitter spreads d by up to the given share in both directions.
func jitter(d time.Duration, share float64) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*share*float64(d))
}
