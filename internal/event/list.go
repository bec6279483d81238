package event

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Filter picks events; what is empty picks all.
type Filter struct {
	OwnerID   string
	ActorID   string
	ActorName string // as it was then
	RepoID    string
	Addr      string
	Kinds     []string  // any of them
	From      time.Time // this instant and later
	Until     time.Time // before this instant
}

// maxKinds bounds the kinds of a filter.
const maxKinds = 200

// List reads up to limit events that f picks, the newest first, with ids below before; 0 begins with the newest.
func List(ctx context.Context, q db.Queryer, f Filter, before int64, limit int) ([]Event, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	if len(f.Kinds) > maxKinds {
		return nil, errs.New(errs.Invalid, "At most %d kinds of events may be asked for at once", maxKinds)
	}
	where, args := f.where()
	query, args, err := db.In(fragList+where+fragNewest, append(append([]any{before}, args...), limit)...)
	if err != nil {
		return nil, errs.Wrap("event.List", err)
	}
	var rows []row
	if err := q.Select(ctx, &rows, query, args...); err != nil {
		return nil, errs.Wrap("event.List", err)
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, nil
}

// where are the conditions of f and their arguments.
func (f Filter) where() (string, []any) {
	var b strings.Builder
	var args []any
	add := func(given bool, condition string, arg any) {
		if given {
			b.WriteString(condition)
			args = append(args, arg)
		}
	}
	add(f.OwnerID != "", " AND owner_id = ?", f.OwnerID)
	add(f.ActorID != "", " AND actor_id = ?", f.ActorID)
	add(f.ActorName != "", " AND lower(actor_name) = ?", strings.ToLower(f.ActorName))
	add(f.RepoID != "", " AND repo_id = ?", f.RepoID)
	add(f.Addr != "", " AND addr = ?", f.Addr)
	add(len(f.Kinds) > 0, " AND kind IN (?)", f.Kinds)
	add(!f.From.IsZero(), " AND created_at >= ?", f.From.UnixMicro())
	add(!f.Until.IsZero(), " AND created_at < ?", f.Until.UnixMicro())
	return b.String(), args
}
