package app

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hold"
)

// Holds are what keeps stored bytes from being deleted.
func (a *App) Holds(ctx context.Context) ([]hold.Hold, error) { return hold.List(ctx, a.db) }

// HeldNames are the paths of the repositories that are held, by row id; for one that is deleted, the id.
func (a *App) HeldNames(ctx context.Context, holds []hold.Hold) (map[string]string, error) {
	names, ids := map[string]string{}, []string{}
	for _, h := range holds {
		if h.RepoID != "" {
			names[h.RepoID] = h.RepoID
			ids = append(ids, h.RepoID)
		}
	}
	found, err := a.repos.IDs(ctx, ids)
	for id, name := range found {
		names[id] = name.Path()
	}
	return names, err
}

// AddHold keeps what a repository names or ever named, or with an empty path all stored bytes of the hub, for a time or, if
// that is 0, until RemoveHold. Only the hub's own log says so.
func (a *App) AddHold(ctx context.Context, path, reason string, lasts time.Duration) (id string, err error) {
	h := hold.Hold{Kind: hold.Operator, Reason: reason}
	of := "the hub"
	if path != "" {
		r, err := a.Repo(ctx, path)
		if err != nil {
			return "", err
		}
		h.RepoID, of = r.RowID, r.ID().Path()
	}
	if lasts > 0 {
		h.Until = a.db.Now().Add(lasts)
	}
	err = a.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if id, err = hold.Add(ctx, tx, h); err != nil {
			return err
		}
		return event.Append(ctx, tx, event.Event{Kind: "hold.add", Data: map[string]any{"hold": id, "of": of, "reason": reason}})
	})
	return id, err
}

// RemoveHold ends a hold, whoever took it.
func (a *App) RemoveHold(ctx context.Context, id string) error {
	return a.db.Tx(ctx, func(tx *db.Tx) error {
		if err := hold.Remove(ctx, tx, id); err != nil {
			return err
		}
		return event.Append(ctx, tx, event.Event{Kind: "hold.remove", Data: map[string]any{"hold": id}})
	})
}
