package account

import (
	"context"
	"maps"
	"sync"
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

	mu   sync.Mutex
	seen map[proof]int64 // → microseconds, not yet written

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
	u := &lastUses{db: d, o: o, seen: map[proof]int64{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	go u.run()
	return u
}

func (u *lastUses) touch(p proof) {
	at := u.o.Now().UnixMicro()
	u.mu.Lock()
	u.seen[p] = at
	u.mu.Unlock()
}

func (u *lastUses) of(p proof) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	at, ok := u.seen[p]
	if !ok {
		return time.Time{}
	}
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
	u.seen = make(map[proof]int64, len(batch))
	u.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	err := u.db.Tx(ctx, func(tx *db.Tx) error {
		for p, at := range batch {
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
