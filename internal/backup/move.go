package backup

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hold"
)

// MoveObjects copies the objects that the rows of one hub name to the store of another. The hub may be running: what it
// stores meanwhile is copied the next time, and what it gives up is there until its copy is. Objects that are damaged are
// returned, those that were given up as lost passed over; the others are copied.
func MoveObjects(ctx context.Context, from, to Hub, progress func(Progress)) (damaged []Damage, stats Progress, err error) {
	held, err := hold.Take(ctx, from.DB, hold.Hold{Kind: "migrate-storage", Reason: "cairn migrate-storage is copying what the database named when it began"}, holdTime)
	if err != nil {
		return nil, Progress{}, err
	}
	damaged, stats, err = moveObjects(held.Context(), from, to, progress)
	if e := held.Release(ctx); err == nil {
		err = e // bytes may have been deleted that the rows name
	}
	return damaged, stats, err
}

func moveObjects(ctx context.Context, from, to Hub, progress func(Progress)) ([]Damage, Progress, error) {
	keys := newKeySorter(from.TempDir)
	defer keys.close()
	if err := from.DB.Snapshot(ctx, func(q *db.Snapshot) error { return gatherObjects(ctx, q, from.Kinds, keys) }); err != nil {
		return nil, Progress{}, err
	}
	needed, err := keys.sorted()
	if err != nil {
		return nil, Progress{}, err
	}
	found := &damageList{}
	c := &copier{kinds: from.Kinds, from: from.Blobs, to: to.Blobs, progress: progress, damaged: from.noteDamage(ctx, found, new(int64))}
	err = c.run(ctx, needed)
	return found.list, c.stats, err
}

// MoveRows copies all rows of one database into another, which must be empty, in one transaction. Nobody may write to the
// first one meanwhile: it would be lost.
func MoveRows(ctx context.Context, from, to *db.DB) (rows int64, err error) {
	err = from.Snapshot(ctx, func(q *db.Snapshot) error {
		schema, err := db.SchemaVersion(ctx, q)
		if err != nil {
			return err
		}
		if err := prepareEmpty(ctx, to, schema); err != nil {
			return err
		}
		tables, err := db.Tables(ctx, q)
		if err != nil {
			return err
		}
		return to.Load(ctx, func(l *db.Loader) error {
			for i := range tables {
				n, err := moveTable(ctx, q, l, &tables[i], to.Dialect())
				if err != nil {
					return err
				}
				rows += n
			}
			counters, err := db.Counters(ctx, q)
			if err != nil {
				return err
			}
			return setCounters(ctx, l, counters)
		})
	})
	return rows, err
}

func moveTable(ctx context.Context, q db.Queryer, l *db.Loader, t *db.Table, target db.Dialect) (int64, error) {
	next, end, err := tableRows(ctx, q, t)
	if err != nil {
		return 0, err
	}
	defer end()
	return l.Insert(ctx, *t, storable(target, t, next))
}
