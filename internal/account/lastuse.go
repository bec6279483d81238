package account

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/db"
)

const (
	flushEvery   = time.Minute
	flushTimeout = 10 * time.Second
)

// lastUses remembers when tokens and SSH keys were used and writes it down once a minute, since a write per request
// would cost more than the request.
type lastUses struct {
	db *db.DB
	o  Options

	mu   sync.RWMutex            // read by every request: those of one token must not queue for it
	seen map[proof]*atomic.Int64 // → microseconds, not yet written

	closing sync.Once
	stop    chan struct{}
	stopped chan struct{}
	err     error
}

// proof is a row whose use is remembered.
type proof struct {
	touch string // the statement that writes it down: touchToken or touchSSHKey
	id    string
}

func newLastUses(d *db.DB, o Options) *lastUses {
	u := &lastUses{db: d, o: o, seen: map[proof]*atomic.Int64{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	go u.run()
	return u
}

func (u *lastUses) touch(p proof) {
	now := u.o.Now().UnixMicro()
	u.mu.RLock()
	at := u.seen[p]
	if at != nil {
		at.Store(now)
	}
	u.mu.RUnlock()
	if at == nil {
		u.first(p, now)
	}
}

// first is the first use since they were written down.
func (u *lastUses) first(p proof, now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen[p] == nil {
		u.seen[p] = new(atomic.Int64)
	}
	u.seen[p].Store(now)
}

func (u *lastUses) of(p proof) time.Time {
	u.mu.RLock()
	defer u.mu.RUnlock()
	seen := u.seen[p]
	if seen == nil {
		return time.Time{}
	}
	at := seen.Load()
	return fromMicros(&at)
}

func (u *lastUses) run() {
	defer close(u.stopped)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := u.flush(); err != nil {
				u.o.Log.Warn("the last use of tokens and keys could not be written, trying again in a minute", "error", err)
			}
		case <-u.stop:
			return
		}
	}
}

func (u *lastUses) flush() error {
	u.mu.Lock()
	batch := u.seen
	u.seen = make(map[proof]*atomic.Int64, len(batch))
	u.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	err := u.db.Tx(ctx, func(tx *db.Tx) error {
		for p, seen := range batch {
			at := seen.Load()
			if _, err := tx.Exec(ctx, p.touch, at, p.id, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		u.mu.Lock()
		maps.Copy(batch, u.seen) // newer ones win
		u.seen = batch
		u.mu.Unlock()
	}
	return err
}

func (u *lastUses) close() error {
	u.closing.Do(func() {
		close(u.stop)
		<-u.stopped
		u.err = u.flush()
	})
	return u.err
}
