package backup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

// Keep says which copies stay: the newest one of each of so many days, weeks and months that have one.
type Keep struct{ Daily, Weekly, Monthly int }

// Pruned is what went, or would.
type Pruned struct {
	Kept       []string `json:"kept"`
	Dropped    []string `json:"dropped"`
	Unfinished []string `json:"unfinished"` // pieces of copies that were never finished
	Objects    int64    `json:"objects"`    // that no copy needs any more
	Bytes      int64    `json:"bytes"`
}

// Prune drops the copies that keep does not name, the newest one never, and then the objects that no copy names.
//
// No object goes that a copy needs or that a backup is about to rely on: a lease keeps backups out while it runs; the lists
// of all copies that stay are read to their ends, and their hashes compared, before the first object goes; and a copy whose
// manifest cannot be read stops everything, as nobody can say what it needs. Manifests go first, so that when it is killed,
// no manifest is left that names what is gone. One that stood still for so long that a backup took it for dead deletes nothing
// when it goes on: it looks again all the while.
func Prune(ctx context.Context, s blob.Store, keep Keep, dry bool) (p Pruned, err error) {
	if keep.Daily <= 0 && keep.Weekly <= 0 && keep.Monthly <= 0 {
		return p, errs.New(errs.Invalid, "Say which backups to keep: --keep-daily, --keep-weekly or --keep-monthly with a number above 0")
	}
	l, ctx, err := takeLease(ctx, s, forPrune)
	if err != nil {
		return p, err
	}
	defer l.release(ctx, true)
	found, err := list(ctx, s)
	if err != nil {
		return p, err
	}
	kept, drop, err := choose(found, keep, &p)
	if err != nil {
		return p, err
	}
	for _, m := range kept {
		if err := readThrough(ctx, s, m); err != nil {
			return p, fmt.Errorf("the list of backup %s cannot be read, so nothing was deleted: %w", m.ID, err)
		}
	}
	if !dry {
		if err := dropEntries(ctx, l.delete, drop); err != nil {
			return p, err
		}
	}
	if err := l.sweep(ctx, kept, dry, &p); err != nil || dry {
		return p, err
	}
	return p, endLeftovers(ctx, s)
}

// choose sorts copies into those that stay and those that go.
func choose(found []Entry, keep Keep, p *Pruned) (kept []*Manifest, drop []Entry, err error) {
	var whole []*Manifest
	for _, e := range found {
		switch {
		case e.Manifest != nil:
			whole = append(whole, e.Manifest)
		case errs.Is(e.Err, errs.NotFound):
			p.Unfinished, drop = append(p.Unfinished, e.ID), append(drop, e)
		default:
			return nil, nil, fmt.Errorf("the manifest of backup %s cannot be read, so nobody knows which objects it needs: mend it, or delete the folder %s%s, then prune again: %w", e.ID, catalogueDir, e.ID, e.Err)
		}
	}
	stays := keep.of(whole)
	for _, e := range found {
		if e.Manifest == nil {
			continue
		}
		if stays[e.ID] {
			kept, p.Kept = append(kept, e.Manifest), append(p.Kept, e.ID)
		} else {
			drop, p.Dropped = append(drop, e), append(p.Dropped, e.ID)
		}
	}
	return kept, drop, nil
}

// of are the ids that stay; copies come oldest first.
func (k Keep) of(copies []*Manifest) map[string]bool {
	stays := map[string]bool{}
	for _, rule := range []struct {
		n    int
		span func(time.Time) string
	}{
		{k.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{k.Weekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, "-", w) }},
		{k.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
	} {
		seen := map[string]bool{}
		for _, m := range slices.Backward(copies) {
			if span := rule.span(m.Created.UTC()); !seen[span] && len(seen) < rule.n {
				seen[span], stays[m.ID] = true, true
			}
		}
	}
	if n := len(copies); n > 0 {
		stays[copies[n-1].ID] = true
	}
	return stays
}

func readThrough(ctx context.Context, s blob.Store, m *Manifest) error {
	next, end, err := readList(ctx, s, m)
	if err != nil {
		return err
	}
	defer end()
	for {
		if _, ok, err := next(ctx); err != nil || !ok {
			return err
		}
	}
}

// dropEntries removes the pieces of copies, each one's manifest before the rest of it.
func dropEntries(ctx context.Context, remove func(ctx context.Context, key string) error, drop []Entry) error {
	for _, e := range drop {
		for _, key := range append([]string{manifestKey(e.ID)}, e.keys...) {
			if err := remove(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// delete removes an object of a store that nobody else works in.
func (l *lease) delete(ctx context.Context, key string) error {
	if err := l.stillAlone(ctx); err != nil {
		return err
	}
	return l.store.Delete(ctx, key)
}

// sweep removes the objects that no list names.
func (l *lease) sweep(ctx context.Context, kept []*Manifest, dry bool, p *Pruned) error {
	h := &runHeap{}
	for _, m := range kept {
		next, end, err := readList(ctx, l.store, m)
		if err != nil {
			return err
		}
		defer end()
		if err := h.take(func() (object, bool, error) { return next(ctx) }); err != nil {
			return err
		}
	}
	needed, more, err := h.next()
	if err != nil {
		return err
	}
	return eachObject(ctx, l.store, objectDir, func(o blob.Info) error {
		key := o.Key[len(objectDir):]
		for more && needed.key < key {
			if needed, more, err = h.next(); err != nil {
				return err
			}
		}
		if more && needed.key == key {
			return nil
		}
		p.Objects++
		p.Bytes += o.Size
		if dry {
			return nil
		}
		return l.delete(ctx, o.Key)
	})
}

// leftoverAge is more than any object's upload takes.
const leftoverAge = 7 * 24 * time.Hour

// endLeftovers ends uploads in parts that backups which died have left: a bucket keeps them, and charges for them, for ever.
func endLeftovers(ctx context.Context, s blob.Store) error {
	l, ok := s.(blob.Leftovers)
	if !ok {
		return nil
	}
	_, err := l.AbortLeftovers(ctx, time.Now().Add(-leftoverAge), objectDir, catalogueDir)
	return err
}
