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

var errLeaseLost = errors.New("the store of the backup could not be reached for too long: run it again")

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
	dead  []string
}

type leaseBody struct {
	Started time.Time `json:"started"` // by the store's clock, about
}

// takeLease begins. The context that it returns ends when the lease is lost.
func takeLease(ctx context.Context, s blob.Store, purpose string) (*lease, context.Context, error) {
	l := &lease{store: s, key: runningDir + purpose + "-" + newID(time.Now()), ended: make(chan struct{})}
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
	return eachObject(ctx, l.store, runningDir, func(o blob.Info) error {
		if o.Key == l.key {
			return nil
		}
		other, _, _ := strings.Cut(strings.TrimPrefix(o.Key, runningDir), "-")
		if started := l.startOf(ctx, o); other == forBackup && (l.since.IsZero() || started.Before(l.since)) {
			l.since = started
		}
		if own.ModTime.Sub(o.ModTime) > leaseSilent {
			l.dead = append(l.dead, o.Key)
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
			if blob.PutBytes(ctx, l.store, l.key, l.body) == nil {
				last = time.Now()
			} else if time.Since(last) > leaseGiveUp {
				lose(errLeaseLost)
				return
			}
		}
	}
}

// buryDead removes the signs of those who died, once nothing that they left is in doubt.
func (l *lease) buryDead(ctx context.Context) error {
	for _, key := range l.dead {
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
