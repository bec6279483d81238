package jobs

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
)

// State is where a job stands.
type State string

// The states of jobs.
const (
	Waiting State = "waiting"
	Running State = "running"
	Failed  State = "failed" // given up; Retry has it tried again
)

// Listed is a job as the operator sees it. What it is about is left out: payloads may hold what opens a door.
type Listed struct {
	ID        int64
	Kind      string
	State     State
	RunAt     time.Time // when it is or was due
	Attempts  int64
	LastError string
	FailedAt  time.Time // zero: not given up
}

// MaxPage bounds one page of List.
const MaxPage = 1000

// List reads up to limit jobs of a state, or of all for "", with ids above after, in order of their ids.
func (q *Queue) List(ctx context.Context, state State, after int64, limit int) ([]Listed, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	query, now := listJobs, q.o.Now().UnixMicro()
	args := []any{now, after, string(state), string(state), now, now, limit}
	var rows []struct {
		ID        int64
		Kind      string
		Running   bool
		RunAt     int64 `db:"run_at"`
		Attempts  int64
		LastError string `db:"last_error"`
		FailedAt  *int64 `db:"failed_at"`
	}
	if err := q.db.Select(ctx, &rows, query, args...); err != nil {
		return nil, errs.Wrap("jobs.List", err)
	}
	list := make([]Listed, len(rows))
	for i, r := range rows {
		list[i] = Listed{ID: r.ID, Kind: r.Kind, State: Waiting, RunAt: time.UnixMicro(r.RunAt).UTC(), Attempts: r.Attempts, LastError: r.LastError}
		switch {
		case r.FailedAt != nil:
			list[i].State, list[i].FailedAt = Failed, time.UnixMicro(*r.FailedAt).UTC()
		case r.Running:
			list[i].State = Running
		}
	}
	return list, nil
}

// ParseState reads a state's name; the empty string is all.
func ParseState(s string) (State, error) {
	switch State(s) {
	case "", Waiting, Running, Failed:
		return State(s), nil
	}
	return "", errs.New(errs.Invalid, "A job is waiting, running or failed, not %q", s)
}

// Retry has a job that was given up or waits tried again now.
func (q *Queue) Retry(ctx context.Context, id int64) error {
	return errs.Wrap("jobs.Retry", q.db.Tx(ctx, func(tx *db.Tx) error {
		var kind string
		err := tx.Get(ctx, &kind, retryJob, q.o.Now().UnixMicro(), id, q.o.Now().UnixMicro())
		if db.IsNoRows(err) {
			return errs.New(errs.NotFound, "There is no job %d that waits or was given up", id)
		}
		if db.IsUnique(err) {
			return errs.New(errs.Conflict, "Another job of the same kind about the same thing waits already")
		}
		if err != nil {
			return err
		}
		tx.AfterCommit(q.poke)
		return event.Append(ctx, tx, event.Event{Kind: "job.retry", Data: map[string]any{"job": id, "kind": kind}})
	}))
}
