package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/site"
)

// What is deleted is deleted when it is old enough. A clock that jumps ahead makes all old at once, what was sent a minute
// ago included; one that was far behind makes it so when it is set right. So no collector trusts a clock that has jumped ahead
// by D before it has gone on for as long: then all that was there has really aged as much as its rows say. Why nothing live
// can go by a jump:
//
//   - Every time that a collector decides by comes from Now, which compares the clock with one that goes on evenly. The call
//     that meets the jump ends the contexts of all collectors before it returns, and their next statement fails.
//   - Before each run the clock is compared with the last time that any process of the hub noted. A process that starts after
//     a jump, or a node whose clock is wrong, is met there.
//   - What is met becomes a hold of the whole hub, which every deletion of a blob asks for in its own transaction.
//
// A clock that is set back makes things young, and nothing goes.

// Bounds of what counts as a jump.
const (
	offMost  = 48 * time.Hour     // between two notes: the hub may have been off
	pauseMax = 7 * 24 * time.Hour // what is deleted or not committed is kept as long
	noteAge  = 5 * time.Minute    // how old a note gets before there is another

	holdClock = "clock"
)

var errJumped = errors.New("the clock has jumped: what is deleted by age waits")

// The clock is compared with the even one, which takes a call of the system, once a second and when it was set.
const (
	evenly = time.Second
	setBy  = 100 * time.Millisecond
)

// clock is the hub's one clock.
type clock struct {
	read func() time.Time

	born     time.Time
	compared atomic.Int64 // the age at the last comparison with the even clock
	steady   atomic.Int64 // the clock's offset to the age then

	mu     sync.Mutex
	offset time.Duration // of the clock to the even one
	ahead  time.Duration // by how much it has jumped ahead since that was last written down
	runs   map[int]context.CancelCauseFunc
	last   int // number of a run

	told string // the hold that the log has last told of

	checking sync.Mutex // one at a time writes a jump down
}

func newClock(read func() time.Time) *clock {
	c := &clock{read: read, born: time.Now(), offset: offsetOf(read()), runs: map[int]context.CancelCauseFunc{}}
	c.compare()
	return c
}

func offsetOf(t time.Time) time.Duration { return time.Duration(t.UnixNano()) - even() }

// Now is the time. Whoever meets a jump ends the collectors' work first: against the age of the process each call looks for
// one, but that stands still while the machine sleeps.
func (c *clock) Now() time.Time {
	t, age := c.read(), time.Since(c.born)
	moved := t.UnixNano() - int64(age) - c.steady.Load()
	if time.Duration(moved).Abs() < setBy && int64(age)-c.compared.Load() < int64(evenly) {
		return t
	}
	return c.compare()
}

// compare is Now by the even clock.
func (c *clock) compare() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, age := c.read(), time.Since(c.born)
	offset := offsetOf(t)
	jump := offset - c.offset
	c.offset = offset
	if jump.Abs() > jumpLeast {
		c.ahead += max(jump, 0)
		for _, end := range c.runs {
			end(errJumped)
		}
	}
	c.steady.Store(t.UnixNano() - int64(age)) // last: until then, whoever reads the new time waits for the lock
	c.compared.Store(int64(age))
	return t
}

// watch returns a context that ends with the first jump.
func (c *clock) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	n := c.last
	c.runs[n] = cancel
	return ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.runs, n)
		cancel(nil)
	}
}

func (c *clock) jumped() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

func (c *clock) written(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead -= d
}

// tell is true the first time that it hears of a hold.
func (c *clock) tell(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.told != id
	c.told = id
	return fresh
}

// byAge reports whether jobs of a kind may take away what is old enough: all that a schedule runs, so that who adds one need
// not think of this, except those that are known to take nothing away by its age.
func byAge(kind string) bool {
	return kind == content.CollectJob || strings.HasPrefix(kind, jobs.SchedulePrefix) && !slices.Contains(ageless, strings.TrimPrefix(kind, jobs.SchedulePrefix))
}

var ageless = []string{"git.fold", "event.seal", "account.words", "repo.words", "storage.scrub", "backup.catalogue", "quota.recount"}

// aroundJob has what takes away by age run only by a clock that can be trusted.
func (a *App) aroundJob(kind string, h jobs.Handler) jobs.Handler {
	if !byAge(kind) {
		return h
	}
	return func(ctx context.Context, payload json.RawMessage) error {
		held, err := a.byClock(ctx, func(ctx context.Context) error { return h(ctx, payload) })
		if held != nil {
			level := slog.LevelDebug
			if a.clock.tell(held.ID) {
				level = slog.LevelWarn
			}
			a.log.Log(ctx, level, "nothing is deleted by its age for now", "why", held.Reason, "until", held.Until, "hold", held.ID, "job", kind)
		}
		return err
	}
}

// byClock runs what deletes by age, or returns the hold that a jump of the clock has left.
func (a *App) byClock(ctx context.Context, f func(context.Context) error) (*hold.Hold, error) {
	ctx, end := a.clock.watch(ctx)
	defer end()
	held, err := a.checkClock(ctx)
	if held == nil && err == nil {
		err = f(ctx)
	}
	if err != nil && errors.Is(context.Cause(ctx), errJumped) {
		err = errJumped
	}
	return held, err
}

// checkClock compares the clock with the last note of it, and turns a jump ahead into a hold.
func (a *App) checkClock(ctx context.Context) (held *hold.Hold, err error) {
	a.clock.checking.Lock()
	defer a.clock.checking.Unlock()
	jumped := a.clock.jumped()
	err = a.db.Tx(ctx, func(tx *db.Tx) error {
		held = nil
		seen, err := site.ClockSeen(ctx, tx)
		if err != nil {
			return err
		}
		now, ahead := tx.Now(), jumped
		if gap := now.Sub(seen); !seen.IsZero() && gap > offMost {
			ahead = max(ahead, gap)
		}
		if err := endFar(ctx, tx, now); err != nil {
			return err
		}
		if ahead > 0 {
			reason := fmt.Sprintf("the clock went ahead by %s at once; if it is right, remove this hold", ahead.Round(time.Second))
			if _, err := hold.Add(ctx, tx, hold.Hold{Kind: holdClock, Reason: reason, Until: now.Add(min(ahead, pauseMax))}); err != nil {
				return err
			}
		}
		if now.Sub(seen).Abs() > noteAge || ahead > 0 {
			if err := site.NoteClock(ctx, tx, now); err != nil {
				return err
			}
		}
		held, err = clockHold(ctx, tx)
		return err
	})
	if err == nil {
		a.clock.written(jumped)
	}
	return held, err
}

// endFar has what a clock that was ahead has held end in time.
func endFar(ctx context.Context, tx *db.Tx, now time.Time) error {
	list, err := hold.List(ctx, tx)
	for _, h := range list {
		if err != nil || h.Kind != holdClock || h.Until.Sub(now) <= pauseMax {
			continue
		}
		if err = hold.Remove(ctx, tx, h.ID); err == nil {
			h.Until = now.Add(pauseMax)
			_, err = hold.Add(ctx, tx, h)
		}
	}
	return err
}

func clockHold(ctx context.Context, tx *db.Tx) (*hold.Hold, error) {
	list, err := hold.List(ctx, tx)
	if i := slices.IndexFunc(list, func(h hold.Hold) bool { return h.Kind == holdClock }); i >= 0 && err == nil {
		return &list[i], nil
	}
	return nil, err
}
