package xetstore

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	abandonedAtOnce = 100
	gravesAtOnce    = 200

	// graveTime is how long the removal of some blobs may take; graveKept is longer than an upload takes.
	graveTime = time.Hour
	graveKept = 7 * 24 * time.Hour
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
	_, err := s.FreeXorbs(ctx)
	return errs.Wrap("xetstore.CollectParts", err)
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
	return inBatches(xorbs, func(keys [][]byte) error {
		query, args, err := db.In(selectUnclaimed, keys, last)
		if err != nil {
			return err
		}
		var doomed []oldXorb
		if err := tx.Select(ctx, &doomed, query, args...); err != nil || len(doomed) == 0 {
			return err
		}
		return s.buryXorbs(ctx, tx, doomed)
	})
}

func execIn(ctx context.Context, tx *db.Tx, query string, args ...any) error {
	query, args, err := db.In(query, args...)
	if err == nil {
		_, err = tx.Exec(ctx, query, args...)
	}
	return err
}

// freeGraves removes the blobs whose rows are gone, those of a run that was cut off included. While somebody holds the hub
// they wait.
func (s *Store) freeGraves(ctx context.Context) (freed Freed, err error) {
	for {
		due, more, err := s.openGraves(ctx)
		if err != nil {
			return freed, err
		}
		if !more {
			_, err = s.db.Exec(ctx, deleteOldGraves, s.now().Add(-graveKept).UnixMicro())
			return freed, err
		}
		if err := s.freeBlobs(ctx, due); err != nil {
			return freed, err
		}
		freed.add(due)
	}
}

// openGraves takes some blobs that are to be removed, as nobody else does until their time is over: an upload that begins when
// they are gone for one must not meet the hand of another.
func (s *Store) openGraves(ctx context.Context) (due []oldXorb, more bool, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		due, more = nil, false
		if held, err := hold.Live(ctx, tx); held || err != nil {
			return err
		}
		now := s.now()
		var keys [][]byte
		if err := tx.Select(ctx, &keys, selectGraves, now.UnixMicro(), gravesAtOnce); err != nil || len(keys) == 0 {
			return err
		}
		more = true
		if err := execIn(ctx, tx, deleteLost, keys); err != nil { // stored anew before anybody removed them
			return err
		}
		if err := execIn(ctx, tx, updateGraves, now.Add(graveTime).UnixMicro(), keys); err != nil {
			return err
		}
		query, args, err := db.In(selectGraveSizes, keys)
		if err != nil {
			return err
		}
		return tx.Select(ctx, &due, query, args...)
	})
	return due, more, err
}

func (s *Store) freeBlobs(ctx context.Context, due []oldXorb) error {
	if len(due) == 0 {
		return nil
	}
	deleting, cancel := context.WithTimeout(ctx, graveTime-s.skew)
	defer cancel()
	for i := range due {
		h := xet.Hash(due[i].Hash)
		s.indexes.Remove(h)
		if err := s.blobs.Delete(deleting, xorbKey(h)); err != nil {
			return err
		}
	}
	return s.db.Tx(deleting, func(tx *db.Tx) error {
		return execIn(deleting, tx, closeGraves, s.now().Add(s.skew).UnixMicro(), keysOf(due))
	})
}
