package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// node is a process's queue, with times short enough to test.
func node(d *db.DB, o Options) *Queue {
	if o.Lease == 0 {
		o.Lease = time.Minute // longer than any pause of a busy machine
	}
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	o.Poll = 20 * time.Millisecond
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	return New(d, o)
}

// start runs a queue until stop is called, or the test ends.
func start(t *testing.T, q *Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := q.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func enqueue(t *testing.T, q *Queue, j Job) {
	t.Helper()
	if err := q.db.Tx(t.Context(), func(tx *db.Tx) error { return q.Enqueue(t.Context(), tx, j) }); err != nil {
		t.Fatal(err)
	}
}

func stats(t *testing.T, q *Queue) Stats {
	t.Helper()
	s, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRunsOnceOnManyWorkers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const jobs = 60
		var mu sync.Mutex
		ran, busy := map[string]int{}, map[string]bool{}
		var nodes []*Queue
		for range 3 {
			q := node(d, Options{Workers: 3, Lease: time.Minute})
			q.Register("count", func(_ context.Context, p json.RawMessage) error {
				mu.Lock()
				if busy[string(p)] {
					t.Errorf("job %s runs twice at once", p)
				}
				busy[string(p)] = true
				ran[string(p)]++
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				busy[string(p)] = false
				mu.Unlock()
				return nil
			})
			nodes = append(nodes, q)
			start(t, q)
		}
		for i := range jobs {
			enqueue(t, nodes[i%3], Job{Kind: "count", Payload: i})
		}
		eventually(t, "an empty queue", func() bool { return stats(t, nodes[0]) == Stats{} })
		if len(ran) != jobs {
			t.Fatalf("%d of %d jobs ran", len(ran), jobs)
		}
		for p, n := range ran {
			if n != 1 {
				t.Errorf("job %s ran %d times", p, n)
			}
		}
	})
}

func TestRolledBackJobNeverWas(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{})
		fail := errors.New("no")
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if err := q.Enqueue(t.Context(), tx, Job{Kind: "x"}); err != nil {
				t.Fatal(err)
			}
			return fail
		})
		if !errors.Is(err, fail) || stats(t, q) != (Stats{}) {
			t.Fatalf("%v, %+v", err, stats(t, q))
		}
	})
}

func TestOrderAndTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{})
		var order []string
		q.Register("x", func(_ context.Context, p json.RawMessage) error { order = append(order, string(p)); return nil })
		now := time.Now()
		enqueue(t, q, Job{Kind: "x", Payload: 3, RunAt: now.Add(-time.Second)})
		enqueue(t, q, Job{Kind: "x", Payload: 1, RunAt: now.Add(-time.Hour)})
		enqueue(t, q, Job{Kind: "x", Payload: 4, RunAt: now.Add(-time.Second)})
		enqueue(t, q, Job{Kind: "x", Payload: 2, RunAt: now.Add(-time.Minute)})
		enqueue(t, q, Job{Kind: "x", Payload: 9, RunAt: now.Add(time.Hour)})
		if n, err := q.RunDue(t.Context()); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		if !slices.Equal(order, []string{"1", "2", "3", "4"}) {
			t.Fatalf("order %v", order)
		}
		if stats(t, q).Waiting != 1 {
			t.Fatal("the later job is gone")
		}
	})
}

func TestDedup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{})
		var seen []string
		q.Register("fold", func(ctx context.Context, p json.RawMessage) error {
			seen = append(seen, string(p))
			if on, err := q.Running(ctx, "fold", "repo"); err != nil || !on {
				t.Errorf("a job that runs is not seen to: %v", err)
			}
			if on, err := q.Running(ctx, "fold", "other"); err != nil || on {
				t.Errorf("a job that waits is taken to run: %v", err)
			}
			if len(seen) == 1 { // while this one runs, another one may wait
				return q.Enqueue(ctx, d, Job{Kind: "fold", DedupKey: "repo", Payload: "during"})
			}
			return nil
		})
		enqueue(t, q, Job{Kind: "fold", DedupKey: "repo", Payload: "first", RunAt: time.Now().Add(time.Hour)})
		enqueue(t, q, Job{Kind: "fold", DedupKey: "repo", Payload: "second"}) // hastens the first
		enqueue(t, q, Job{Kind: "fold", DedupKey: "other", Payload: "other", RunAt: time.Now().Add(time.Hour)})
		if stats(t, q).Waiting != 2 {
			t.Fatalf("%+v", stats(t, q))
		}
		if _, err := q.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(seen) != `["second" "during"]` {
			t.Fatalf("ran %s", seen)
		}
		if on, err := q.Running(t.Context(), "fold", "repo"); err != nil || on {
			t.Errorf("a job that has ended is taken to run: %v", err)
		}
	})
}

func TestFailedJobYieldsToWaitingOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{Backoff: time.Hour})
		runs := 0
		q.Register("x", func(ctx context.Context, _ json.RawMessage) error {
			if runs++; runs > 1 {
				return nil
			}
			if err := q.Enqueue(ctx, d, Job{Kind: "x", DedupKey: "k"}); err != nil {
				return err
			}
			return errors.New("failed after all")
		})
		enqueue(t, q, Job{Kind: "x", DedupKey: "k"})
		if _, err := q.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if runs != 2 || stats(t, q) != (Stats{}) {
			t.Fatalf("%d runs, %+v", runs, stats(t, q))
		}
	})
}

func TestRetryThenGiveUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{MaxAttempts: 4})
		var runs atomic.Int64
		q.Register("bad", func(context.Context, json.RawMessage) error {
			if runs.Add(1)%2 == 0 {
				panic("oh")
			}
			return errors.New("no\x00\xff")
		})
		start(t, q)
		enqueue(t, q, Job{Kind: "bad"})
		eventually(t, "the job is given up", func() bool { return stats(t, q) == Stats{Failed: 1} })
		if runs.Load() != 4 {
			t.Fatalf("%d runs", runs.Load())
		}
	})
}

func TestDeadWorkersJobIsTakenOver(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var ahead, ran atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		dead, alive := node(d, Options{Now: now}), node(d, Options{Now: now})
		for _, q := range []*Queue{dead, alive} {
			q.Register("x", func(context.Context, json.RawMessage) error { ran.Add(1); return nil })
		}
		enqueue(t, dead, Job{Kind: "x"})
		c, err := dead.claim(t.Context()) // and then the power goes
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		if n, err := alive.RunDue(t.Context()); n != 0 || err != nil {
			t.Fatalf("the lease was not respected: %d, %v", n, err)
		}
		ahead.Store(int64(2 * time.Minute))
		start(t, alive)
		eventually(t, "another worker took over", func() bool { return ran.Load() == 1 && stats(t, alive) == Stats{} })
		if err := dead.retry(t.Context(), c, errors.New("late")); err != nil || stats(t, alive) != (Stats{}) {
			t.Fatalf("the former holder changed something: %v, %+v", err, stats(t, alive))
		}
	})
}

// Who knows that the process is dead which had jobs does not wait for their leases. A job that waits under the key of one that
// was running stays another one.
func TestOrphansRunAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		dead, q := node(d, Options{Lease: time.Hour}), node(d, Options{Lease: time.Hour})
		var ran atomic.Int64
		for _, n := range []*Queue{dead, q} {
			n.Register("work", func(context.Context, json.RawMessage) error { ran.Add(1); return nil })
		}
		enqueue(t, dead, Job{Kind: "work", DedupKey: "k"})
		if c, err := dead.claim(t.Context()); err != nil || c == nil {
			t.Fatal(c, err)
		}
		if n, err := q.RunDue(t.Context()); err != nil || n != 0 {
			t.Fatalf("%d jobs of a process that may live were run: %v", n, err)
		}
		enqueue(t, q, Job{Kind: "work", DedupKey: "k"})
		if err := q.Orphan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := q.RunDue(t.Context()); err != nil || n != 2 || ran.Load() != 2 {
			t.Fatalf("%d jobs were run, not 2: %v", n, err)
		}
	})
}

func TestLeaseIsRenewed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var running, most, runs atomic.Int64
		o := Options{Lease: 3 * time.Second}
		nodes := []*Queue{node(d, o), node(d, o)}
		lease := func() (until int64) {
			if err := d.Get(t.Context(), &until, `SELECT lease_until FROM job`); err != nil {
				t.Error(err)
			}
			return until
		}
		for _, q := range nodes {
			q.Register("slow", func(ctx context.Context, _ json.RawMessage) error {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				first := lease()
				for ctx.Err() == nil && (time.Now().UnixMicro() < first || lease() == first) { // until the first lease is over
					time.Sleep(20 * time.Millisecond)
				}
				runs.Add(1)
				return ctx.Err()
			})
			start(t, q)
		}
		enqueue(t, nodes[0], Job{Kind: "slow"})
		eventually(t, "the job ends", func() bool { return runs.Load() > 0 && stats(t, nodes[0]) == Stats{} })
		if runs.Load() != 1 || most.Load() != 1 {
			t.Fatalf("%d runs, %d at once", runs.Load(), most.Load())
		}
	})
}

func TestLostLeaseCancels(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{Lease: 300 * time.Millisecond})
		started, ended := make(chan struct{}), make(chan struct{})
		q.Register("x", func(ctx context.Context, _ json.RawMessage) error {
			close(started)
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		})
		start(t, q)
		enqueue(t, q, Job{Kind: "x"})
		<-started
		if _, err := d.Exec(t.Context(), `DELETE FROM job`); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("the handler still runs")
		}
	})
}

func TestStopPutsJobBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := node(d, Options{Lease: time.Hour, MaxAttempts: 1})
		started := make(chan struct{})
		q.Register("x", func(ctx context.Context, _ json.RawMessage) error {
			close(started)
			<-ctx.Done()
			return ctx.Err()
		})
		stop := start(t, q)
		enqueue(t, q, Job{Kind: "x"})
		<-started
		stop()
		if stats(t, q) != (Stats{Waiting: 1}) {
			t.Fatalf("%+v", stats(t, q))
		}
		next := node(d, Options{MaxAttempts: 1})
		next.Register("x", func(context.Context, json.RawMessage) error { return nil })
		if n, err := next.RunDue(t.Context()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestUnknownKindWaits(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	q := node(d, Options{})
	enqueue(t, q, Job{Kind: "of-a-newer-version"})
	if n, err := q.RunDue(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if stats(t, q) != (Stats{Waiting: 1}) {
		t.Fatalf("%+v", stats(t, q))
	}
}

func TestEvery(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var running, runs atomic.Int64
		for range 3 {
			q := node(d, Options{})
			q.Every("sweep", 50*time.Millisecond, func(context.Context) error {
				if running.Add(1) > 1 {
					t.Error("two nodes sweep at once")
				}
				defer running.Add(-1)
				time.Sleep(5 * time.Millisecond)
				if runs.Add(1) == 1 {
					return errors.New("the first fails")
				}
				return nil
			})
			start(t, q)
		}
		eventually(t, "some sweeps", func() bool { return runs.Load() >= 4 })
		var rows int64
		if err := d.Get(t.Context(), &rows, `SELECT COUNT(*) FROM job`); err != nil || rows != 1 {
			t.Fatalf("%d rows, %v", rows, err)
		}
	})
}
