package hold

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Operator is the kind of hold that a person sets and removes.
const Operator = "operator"

const (
	// margin is how far the clocks of nodes may be apart: a hold lives that much longer than it says.
	margin = 2 * time.Minute
	// MinTTL is the shortest time for which a hold may be taken: renewals must get through a busy database.
	MinTTL = 30 * time.Second
	// MaxHolds bounds a list.
	MaxHolds = 10_000
)

// Hold says who keeps what from being deleted.
type Hold struct {
	ID        string
	Kind      string // Operator, or a word for who takes it
	Reason    string
	RepoID    string // empty: all of the hub
	Created   time.Time
	Until     time.Time // zero: until somebody removes it
	Heartbeat time.Time // when its holder last renewed it
}

// Handle is a hold that was taken. It renews itself until it is released.
type Handle struct {
	ID   string
	db   *db.DB
	ttl  time.Duration
	end  time.Time // by the clock on the wall, as rows have it; of whoever renews until done is closed
	ctx  context.Context
	lose context.CancelCauseFunc
	stop func()
	done chan struct{}
}

// ErrLost is the cause of the end of a handle's context when the hold ended under its holder: somebody removed it, or it
// could not be renewed in time. What was read under it may be incomplete.
var ErrLost = errors.New("the hold ended before its work did")

// Take holds from now on, and goes on until Release, or for ttl after the process has died. What the caller does under it
// belongs under the handle's context.
func Take(ctx context.Context, d *db.DB, h Hold, ttl time.Duration) (*Handle, error) {
	if ttl < MinTTL {
		return nil, fmt.Errorf("hold.Take: %s is less than %s", ttl, MinTTL)
	}
	h.Until = clock(d).Add(ttl)
	var id string
	err := d.Tx(ctx, func(tx *db.Tx) (err error) {
		id, err = Add(ctx, tx, h)
		return err
	})
	if err != nil {
		return nil, errs.Wrap("hold.Take", err)
	}
	t := &Handle{ID: id, db: d, ttl: ttl, end: h.Until, done: make(chan struct{})}
	t.ctx, t.lose = context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = sync.OnceFunc(stop)
	go t.renew(renewing)
	return t, nil
}

// Context ends with the context that the hold was taken under, and when the hold is lost.
func (t *Handle) Context() context.Context { return t.ctx }

// clock is the time without what Go adds to it to measure with: that stands still while a machine sleeps, and holds do not.
func clock(q db.Queryer) time.Time { return q.Now().Round(0) }

// renew puts the end off, three times in each ttl.
func (t *Handle) renew(ctx context.Context) {
	defer close(t.done)
	tick := time.NewTicker(t.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !t.prolong(ctx) {
				t.lose(ErrLost)
				return
			}
		}
	}
}

// prolong puts the end off once. It is false if the hold has ended: what has ended is not taken up again, since others may
// have deleted in between, and nobody waits for a database past the end.
func (t *Handle) prolong(ctx context.Context) bool {
	now := clock(t.db)
	ctx, cancel := context.WithTimeout(ctx, t.end.Sub(now))
	defer cancel()
	later := now.Add(t.ttl)
	n, err := t.db.Exec(ctx, renewHold, later.UnixMicro(), now.UnixMicro(), t.ID, now.UnixMicro())
	if err != nil {
		return !clock(t.db).After(t.end)
	}
	if n > 0 {
		t.end = later
	}
	return n > 0
}

// Release ends the hold. It is an error if it ended before.
func (t *Handle) Release(ctx context.Context) error {
	t.stop()
	<-t.done
	lost := errors.Is(context.Cause(t.ctx), ErrLost) || clock(t.db).After(t.end)
	t.lose(context.Canceled)
	n, err := t.db.Exec(context.WithoutCancel(ctx), deleteHold, t.ID)
	if err == nil && (n == 0 || lost) {
		err = ErrLost
	}
	return errs.Wrap("hold.Release", err)
}

// Add writes a hold and returns its id. One without an end stays until Remove.
func Add(ctx context.Context, tx *db.Tx, h Hold) (id string, err error) {
	if h.Kind == "" {
		return "", errs.New(errs.Invalid, "A hold says who holds")
	}
	id = hub.NewID()
	now := tx.Now()
	var until any
	if !h.Until.IsZero() {
		until = h.Until.UnixMicro()
	}
	if _, err = tx.Exec(ctx, dropEnded, now.Add(-margin).UnixMicro()); err == nil {
		_, err = tx.Exec(ctx, insertHold, id, h.Kind, h.Reason, h.RepoID, now.UnixMicro(), until, now.UnixMicro())
	}
	return id, errs.Wrap("hold.Add", err)
}

// Load is Add for who fills an empty database: the hold is there as soon as the rows are. The hold has no end.
func Load(ctx context.Context, l *db.Loader, h Hold) error {
	now := time.Now().UnixMicro()
	row := []any{hub.NewID(), h.Kind, h.Reason, h.RepoID, now, now}
	_, err := l.Insert(ctx, loadTable(), func() ([]any, bool, error) {
		one := row
		row = nil
		return one, one != nil, nil
	})
	return errs.Wrap("hold.Load", err)
}

// Remove ends a hold, whoever took it.
func Remove(ctx context.Context, q db.Queryer, id string) error {
	n, err := q.Exec(ctx, deleteHold, id)
	if err == nil && n == 0 {
		err = errs.New(errs.NotFound, "There is no hold %q: 'cairn hold list' names them", id)
	}
	return errs.Wrap("hold.Remove", err)
}

type holdRow struct {
	ID, Kind, Reason string
	RepoID           string `db:"repo_id"`
	CreatedAt        int64  `db:"created_at"`
	UntilAt          *int64 `db:"until_at"`
	Heartbeat        int64
}

// List are the holds that live, the oldest first.
func List(ctx context.Context, q db.Queryer) ([]Hold, error) {
	var rows []holdRow
	if err := q.Select(ctx, &rows, listHolds, livesAt(q), MaxHolds); err != nil {
		return nil, errs.Wrap("hold.List", err)
	}
	list := make([]Hold, len(rows))
	for i, r := range rows {
		list[i] = Hold{ID: r.ID, Kind: r.Kind, Reason: r.Reason, RepoID: r.RepoID, Created: time.UnixMicro(r.CreatedAt).UTC(), Heartbeat: time.UnixMicro(r.Heartbeat).UTC()}
		if r.UntilAt != nil {
			list[i].Until = time.UnixMicro(*r.UntilAt).UTC()
		}
	}
	return list, nil
}

// Live reports whether somebody holds the whole hub, so that no blob may be deleted. It is asked in the transaction in which
// that is decided.
func Live(ctx context.Context, q db.Queryer) (bool, error) { return OfRepo(ctx, q, "") }

// OfRepo reports whether a repository is held.
func OfRepo(ctx context.Context, q db.Queryer, repoID string) (bool, error) {
	var n int64
	err := q.Get(ctx, &n, countLive, repoID, livesAt(q))
	return n > 0, errs.Wrap("hold.OfRepo", err)
}

// OfRepos are those of some repositories that are held.
func OfRepos(ctx context.Context, q db.Queryer, repoIDs []string) (map[string]bool, error) {
	held := map[string]bool{}
	if len(repoIDs) == 0 {
		return held, nil
	}
	query, args, err := db.In(selectOf, livesAt(q), repoIDs)
	if err != nil {
		return nil, errs.Wrap("hold.OfRepos", err)
	}
	var ids []string
	err = q.Select(ctx, &ids, query, args...)
	for _, id := range ids {
		held[id] = true
	}
	return held, errs.Wrap("hold.OfRepos", err)
}

func livesAt(q db.Queryer) int64 { return q.Now().Add(-margin).UnixMicro() }
