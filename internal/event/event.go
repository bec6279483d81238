package event

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Event is one thing that happened. Data is any value that encodes to a JSON object.
type Event struct {
	ID      int64
	RepoID  string
	Kind    string // repo.create, repo.commit …
	ActorID string
	Data    any // on reading: json.RawMessage
	At      time.Time
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
	if e.At.IsZero() {
		e.At = time.Now()
	}
	_, err := tx.Exec(ctx, `INSERT INTO event (repo_id, kind, actor_id, data, created_at) VALUES (?, ?, ?, ?, ?)`,
		e.RepoID, e.Kind, e.ActorID, string(data), e.At.UnixMicro())
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
	before := time.Now().Add(time.Hour) // SQLite commits one at a time: nothing to wait for
	if q.Dialect() == db.Postgres {
		before = time.Now().Add(-settle)
	}
	var rows []row
	err := q.Select(ctx, &rows, `SELECT id, repo_id, kind, actor_id, data, created_at FROM event
		WHERE id > ? AND created_at <= ? ORDER BY id LIMIT ?`, id, before.UnixMicro(), limit)
	if err != nil {
		return nil, errs.Wrap("event.After", err)
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, nil
}

// row is an event as it lies in the table.
type row struct {
	ID        int64  `db:"id"`
	RepoID    string `db:"repo_id"`
	Kind      string `db:"kind"`
	ActorID   string `db:"actor_id"`
	Data      string `db:"data"`
	CreatedAt int64  `db:"created_at"`
}

func (r row) event() Event {
	return Event{ID: r.ID, RepoID: r.RepoID, Kind: r.Kind, ActorID: r.ActorID, Data: json.RawMessage(r.Data), At: time.UnixMicro(r.CreatedAt).UTC()}
}
