package backup

import (
	"context"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

// Export writes the rows of a hub beside its own objects, so that a lost database can be made again, and removes exports
// beyond the newest ones. The objects are only listed.
func Export(ctx context.Context, h Hub, keep int) (*Manifest, error) {
	m := &Manifest{Format: format, Cairn: h.Version}
	keys := newKeySorter(h.TempDir)
	defer keys.close()
	if err := h.snapshot(ctx, h.Blobs, m, keys); err != nil {
		return nil, err
	}
	next, err := keys.sorted()
	if err != nil {
		return nil, err
	}
	w, err := newListWriter(ctx, h.Blobs, m.ID)
	if err != nil {
		return nil, err
	}
	defer w.w.abort()
	for {
		o, ok, err := next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if err := w.add(o); err != nil {
			return nil, err
		}
	}
	if m.Objects, err = w.finish(); err != nil {
		return nil, err
	}
	m.Finished = h.DB.Now().UTC()
	if err := m.write(ctx, h.Blobs); err != nil {
		return nil, err
	}
	h.remember(ctx, madeCatalogue, m)
	return m, h.dropExports(ctx, max(keep, 1))
}

// LastExport is the moment of the newest whole catalogue in a store; zero: there is none. One that is dated a day after now
// or later is from before a clock was set back.
func LastExport(ctx context.Context, s blob.Store, now time.Time) (time.Time, error) {
	found, err := list(ctx, s)
	for i := len(found) - 1; i >= 0; i-- {
		if m := found[i].Manifest; m != nil && !m.Copied && !found[i].ahead(now) {
			return m.Created, err
		}
	}
	return time.Time{}, err
}

// ahead reports whether a copy is dated so much later than now that a clock was ahead when it was written.
func (e *Entry) ahead(now time.Time) bool {
	return e.Manifest != nil && e.Manifest.Created.After(now.Add(24*time.Hour))
}

// unfinishedAge is when an export without a manifest is taken to be nobody's work any more.
const unfinishedAge = 24 * time.Hour

// dropExports removes whole exports beyond the newest, and what was begun and not finished a day ago. A broken one stays
// for who wants to look at it, and does not count.
func (h *Hub) dropExports(ctx context.Context, keep int) error {
	found, err := list(ctx, h.Blobs)
	if err != nil {
		return err
	}
	now := h.DB.Now()
	// Those of a clock that was ahead count as the oldest: else they stayed, and each new one went at once.
	slices.SortStableFunc(found, func(a, b Entry) int {
		switch {
		case a.ahead(now) == b.ahead(now):
			return 0
		case a.ahead(now):
			return -1
		}
		return 1
	})
	var drop []Entry
	whole := 0
	for _, e := range slices.Backward(found) {
		switch {
		case e.Manifest != nil && !e.Manifest.Copied:
			if whole++; whole > keep {
				drop = append(drop, e)
			}
		case errs.Is(e.Err, errs.NotFound) && time.Since(e.Started) > unfinishedAge:
			drop = append(drop, e)
		}
	}
	return dropEntries(ctx, h.Blobs.Delete, drop)
}
