package event

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Event is one thing that happened. Data is any value that encodes to a JSON object; it never holds a secret, since
// events are kept for good.
type Event struct {
	ID      int64
	RepoID  string // row id; empty: it is about no repository
	OwnerID string // the user or organisation whose log it belongs to; empty: the hub's alone
	Kind    string // noun.verb: repo.create, org.member.role …
	Data    any    // on reading: json.RawMessage
	At      time.Time

	// Who did it, by what and from where. Append takes what is empty from the context's Origin.
	ActorID   string // empty with no name: the hub itself
	ActorName string
	TokenID   string
	Addr      string
	UserAgent string
}

// Append writes an event as part of tx.
func Append(ctx context.Context, tx *db.Tx, e Event) error {
	data := []byte("{}")
	if e.Data != nil {
		var err error
		if data, err = json.Marshal(e.Data); err != nil {
			return errs.Wrap("event.Append", err)
		}
	}
	if string(data) == "null" { // a map that nobody made
		data = []byte("{}")
	}
	if e.At.IsZero() {
		e.At = tx.Now()
	}
	e.complete(originOf(ctx))
	_, err := tx.Exec(ctx, insertEvent, e.RepoID, e.OwnerID, e.Kind, e.ActorID, e.ActorName, e.TokenID, e.Addr, e.UserAgent, string(data), e.At.UnixMicro())
	return errs.Wrap("event.Append", err)
}

// MaxPage bounds one read of the log.
const MaxPage = 1000

// settle is how long an event stays hidden from readers on PostgreSQL. There ids are drawn before commits, so a
// transaction may commit behind one with a higher id; a reader that went past it would never see it. Transactions are
// far shorter than this.
const settle = 3 * time.Second

// After reads up to limit events with an id above id, oldest first.
func After(ctx context.Context, q db.Queryer, id int64, limit int) ([]Event, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	var rows []row
	past, ahead := settled(q)
	err := q.Select(ctx, &rows, selectAfter, id, past, ahead, limit)
	if err != nil {
		return nil, errs.Wrap("event.After", err)
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, nil
}

// apart is more than the clocks of nodes differ: an event from further ahead was written before a clock was set back.
const apart = time.Minute

// settled are the times, in microseconds, up to which and from which on events have settled.
func settled(q db.Queryer) (past, ahead int64) {
	if q.Dialect() == db.Postgres {
		now := q.Now()
		return now.Add(-settle).UnixMicro(), now.Add(apart).UnixMicro()
	}
	return math.MaxInt64, math.MaxInt64 // SQLite commits one at a time: nothing to wait for
}
