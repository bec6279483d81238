package xetstore

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	abandonedAtOnce = 100
	gravesAtOnce    = 200

	// graveTime is how long the removal of some blobs may take; graveMargin is how far the clocks of nodes may be apart;
	// graveKept is longer than an upload takes.
	graveTime   = time.Hour
	graveMargin = 2 * time.Minute
	graveKept   = 7 * 24 * time.Hour
)

// CollectParts removes the uploads in parts to which nothing was added for some time, and of what came with them the xorbs
// that are no use to anybody else. A blob is removed under the eye of every upload: its hash is written down before, and who
// may have stored the same xorb meanwhile is told to send it again.
func (s *Store) CollectParts(ctx context.Context, age time.Duration) error {
	before := s.now().Add(-age).UnixMicro()
	for {
		var uploads []string
		if err := s.db.Select(ctx, &uploads, selectAbandoned, before, abandonedAtOnce); err != nil {
			return errs.Wrap("xetstore.CollectParts", err)
		}
		for _, upload := range uploads {
			if err := s.db.Tx(ctx, func(tx *db.Tx) error { return s.bury(ctx, tx, upload, before) }); err != nil {
				return errs.Wrap("xetstore.CollectParts", err)
			}
		}
		if len(uploads) < abandonedAtOnce {
			break
		}
	}
	return errs.Wrap("xetstore.CollectParts", s.freeGraves(ctx))
}

// bury removes the rows of an abandoned upload and of its xorbs, which from then on exist for nobody. What was touched after
// the upload's last part is left to who touched it: the next upload in parts, as they are buried in the order of their end, or
// somebody else.
func (s *Store) bury(ctx context.Context, tx *db.Tx, upload string, before int64) error {
	var last int64
	if err := tx.Get(ctx, &last, selectLastPart, upload); err != nil || last >= before {
		return err
	}
	var keys [][]byte
	if err := tx.Select(ctx, &keys, selectUploadXorbs, upload); err != nil {
		return err
	}
	if err := dropUpload(ctx, tx, upload); err != nil {
		return err
	}
	xorbs := make([]xet.Hash, len(keys))
	for i := range keys {
		xorbs[i] = xet.Hash(keys[i])
	}
	now := s.micros()
	return inBatches(xorbs, func(keys [][]byte) error {
		query, args, err := db.In(selectUnclaimed, keys, last)
		if err != nil {
			return err
		}
		var found [][]byte
		if err := tx.Select(ctx, &found, query, args...); err != nil || len(found) == 0 {
			return err
		}
		doomed := make([]xet.Hash, len(found))
		for i := range found {
			doomed[i] = xet.Hash(found[i])
		}
		// Due at once: freeGraves puts the end off when it begins.
		if err := insertGraves(ctx, tx, doomed, now-1); err != nil {
			return err
		}
		return execIn(ctx, tx, deleteXorbs, found)
	})
}

func execIn(ctx context.Context, tx *db.Tx, query string, args ...any) error {
	query, args, err := db.In(query, args...)
	if err == nil {
		_, err = tx.Exec(ctx, query, args...)
	}
	return err
}

// freeGraves removes the blobs whose rows are gone, those of a run that was cut off included.
func (s *Store) freeGraves(ctx context.Context) error {
	for {
		var keys [][]byte
		if err := s.db.Select(ctx, &keys, selectGraves, s.micros(), gravesAtOnce); err != nil {
			return err
		}
		if len(keys) == 0 {
			_, err := s.db.Exec(ctx, deleteOldGraves, s.now().Add(-graveKept).UnixMicro())
			return err
		}
		if err := s.freeBlobs(ctx, keys); err != nil {
			return err
		}
	}
}

func (s *Store) freeBlobs(ctx context.Context, keys [][]byte) error {
	var due [][]byte
	until := s.now().Add(graveTime)
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := execIn(ctx, tx, deleteLost, keys); err != nil { // stored anew before anybody removed them
			return err
		}
		if err := execIn(ctx, tx, updateGraves, until.UnixMicro(), keys); err != nil {
			return err
		}
		query, args, err := db.In(selectOpenGraves, until.UnixMicro(), keys)
		if err != nil {
			return err
		}
		due = nil
		return tx.Select(ctx, &due, query, args...)
	})
	if err != nil || len(due) == 0 {
		return err
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for _, key := range due {
		h := xet.Hash(key)
		s.indexes.Remove(h)
		if err := s.blobs.Delete(ctx, xorbKey(h)); err != nil {
			return err
		}
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return execIn(ctx, tx, closeGraves, s.now().Add(graveMargin).UnixMicro(), due)
	})
}
