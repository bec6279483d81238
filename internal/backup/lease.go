package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

// Backups into one store may run side by side: what they write are the same bytes under the same keys. A prune deletes what
// no manifest names, so none may be about to be written. Each says that it is there before it looks who else is, so of two
// that begin at once at least one sees the other.
//
// Who was silent for too long, because the machine slept or the process was stopped, is taken for dead and may not go on as if
// it had been there: each looks at its own silence, by the store's clock, before it does what others rely on.
const (
	runningDir  = "running/"
	leaseRenew  = time.Minute
	leaseSilent = 15 * time.Minute // without a renewal its holder is dead, or has given up by itself
	leaseGiveUp = 5 * time.Minute
)

// What a lease is for.
const (
	forBackup = "backup"
	forPrune  = "prune"
)

var (
	errLeaseLost  = errors.New("the store of the backup could not be reached for too long: run it again")
	errSleptLong  = errors.New("this process stood still for so long that others took it for dead: run it again")
	errPruneAwoke = errors.New("a prune of this store that was taken for dead went on: run it again")
)

// lease says in a store that somebody works there.
type lease struct {
	store blob.Store
	key   string
	body  []byte
	stop  context.CancelFunc
	ended chan struct{}

	// since is when the earliest of the other backups began that have not ended, dead or alive; zero: there is none. What they
	// brought across since then has no manifest that vouches for it, and may not have reached the disk.
	since time.Time
	dead  map[string]time.Time // leases whose holders were silent, and since when

	mu      sync.Mutex
	renewed time.Time // when it was last renewed, by the store's clock
	lost    error     // once lost, it stays so
	alive   time.Time // when stillAlone last found it so, by this machine's clock
}

type leaseBody struct {
	Started time.Time `json:"started"` // by the store's clock, about
}

// takeLease begins. The context that it returns ends when the lease is lost.
func takeLease(ctx context.Context, s blob.Store, purpose string) (*lease, context.Context, error) {
	l := &lease{store: s, key: runningDir + purpose + "-" + newID(time.Now()), ended: make(chan struct{}), dead: map[string]time.Time{}}
	var err error
	if l.body, err = json.Marshal(leaseBody{time.Now()}); err != nil {
		return nil, nil, err
	}
	if err := blob.PutBytes(ctx, s, l.key, l.body); err != nil {
		return nil, nil, fmt.Errorf("write to the store of the backup: %w", err)
	}
	if err := l.lookAround(ctx, purpose); err != nil {
		_ = s.Delete(context.WithoutCancel(ctx), l.key)
		return nil, nil, err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = sync.OnceFunc(stop)
	working, lose := context.WithCancelCause(ctx)
	go l.renew(renewing, lose)
	return l, working, nil
}

// lookAround finds who else is at work, and who has died. Ages are told by the store's own clock.
func (l *lease) lookAround(ctx context.Context, purpose string) error {
	own, err := l.store.Stat(ctx, l.key)
	if err != nil {
		return err
	}
	l.renewed = own.ModTime
	return eachObject(ctx, l.store, runningDir, func(o blob.Info) error {
		if o.Key == l.key {
			return nil
		}
		other, _, _ := strings.Cut(strings.TrimPrefix(o.Key, runningDir), "-")
		if started := l.startOf(ctx, o); other == forBackup && (l.since.IsZero() || started.Before(l.since)) {
			l.since = started
		}
		if own.ModTime.Sub(o.ModTime) > leaseSilent {
			l.dead[o.Key] = o.ModTime
			return nil
		}
		if purpose == forPrune || other == forPrune {
			return errs.New(errs.Conflict, "A %s is under way in this store since %s or has just died: try again when it is done, or %s after its last sign of life",
				other, l.startOf(ctx, o).UTC().Format(time.DateTime), leaseSilent)
		}
		return nil
	})
}

// startOf is when a lease began, with room for clocks that differ.
func (l *lease) startOf(ctx context.Context, o blob.Info) time.Time {
	var body leaseBody
	b, err := blob.GetBytes(ctx, l.store, o.Key, 1000)
	if err == nil {
		err = json.Unmarshal(b, &body)
	}
	if err != nil {
		return time.Unix(0, 0) // unknown: all is in doubt
	}
	return body.Started.Add(-time.Hour)
}

func (l *lease) renew(ctx context.Context, lose context.CancelCauseFunc) {
	defer close(l.ended)
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			switch err := l.extend(ctx); {
			case err == nil:
				last = time.Now()
			case errors.Is(err, errSleptLong):
				lose(err)
				return
			case time.Since(last) > leaseGiveUp:
				lose(errLeaseLost)
				return
			}
		}
	}
}

// extend renews the lease. One that was silent for too long is lost for good, however short ago it was renewed: every renewal
// of it comes through here.
func (l *lease) extend(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.lost
	}
	start := time.Now()
	if err := blob.PutBytes(ctx, l.store, l.key, l.body); err != nil {
		return err
	}
	own, err := l.store.Stat(ctx, l.key)
	if err != nil {
		return err
	}
	if own.ModTime.Sub(l.renewed) > leaseSilent || passed(start) > leaseGiveUp {
		l.lost = errSleptLong
	}
	l.renewed = own.ModTime
	return l.lost
}

// unbroken makes sure, for a backup, that no prune has run since it began: none can begin while this lease is renewed, and none
// that was taken for dead has gone on.
func (l *lease) unbroken(ctx context.Context) error {
	if err := l.extend(ctx); err != nil {
		return err
	}
	for key, was := range l.dead {
		if !strings.HasPrefix(key, runningDir+forPrune) {
			continue
		}
		// One that is gone may have gone on and ended.
		switch o, err := l.store.Stat(ctx, key); {
		case errs.Is(err, errs.NotFound), err == nil && !o.ModTime.Equal(was):
			return errPruneAwoke
		case err != nil:
			return err
		}
	}
	return nil
}

// aloneFor is for how long a prune goes on deleting without another look: far less than others need to take it for dead.
const aloneFor = 5 * time.Second

// stillAlone makes sure, for a prune, that it may delete: nobody has taken it for dead, and no backup is there. The look lasts
// for a few seconds, by the clock that stands still while the machine sleeps and by the one that does not.
func (l *lease) stillAlone(ctx context.Context) error {
	now := time.Now()
	if passed(l.alive) < aloneFor {
		return nil
	}
	if err := l.extend(ctx); err != nil {
		return err
	}
	err := eachObject(ctx, l.store, runningDir+forBackup, func(o blob.Info) error {
		if was, dead := l.dead[o.Key]; dead && was.Equal(o.ModTime) {
			return nil
		}
		return errs.New(errs.Conflict, "A backup into this store has begun, or has gone on after it stood still: nothing more was deleted, try again when it is done")
	})
	if err == nil && passed(now) > leaseGiveUp {
		err = errSleptLong // while it looked
	}
	l.alive = now
	return err
}

// passed is the time since then by whichever clock went further.
func passed(since time.Time) time.Duration {
	return max(time.Since(since), time.Now().Round(0).Sub(since.Round(0)))
}

// buryDead removes the signs of those who died, once nothing that they left is in doubt.
func (l *lease) buryDead(ctx context.Context) error {
	for key := range l.dead {
		if err := l.store.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// release ends the lease. One whose holder failed stays behind, so that what it left is looked at.
func (l *lease) release(ctx context.Context, done bool) {
	l.stop()
	<-l.ended
	if done {
		_ = l.store.Delete(context.WithoutCancel(ctx), l.key) // if it stays, the next one looks closer than it needs to
	}
}
