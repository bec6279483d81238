package xetstore

import (
	"context"
	"io"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// PutXorb stores a xorb that a client sends, once all of it is verified, and records that the scope's user had its
// bytes. Malformed input and content that does not hash to hash are errs.Invalid. Before anything is read it waits for a turn;
// if that takes too long it is errs.Unavailable.
//
// inserted is false only if the scope knew the xorb already. When others have stored it, the answer and the work are
// those of a new one, so that nobody learns by trying what other people have; the second copy is then thrown away.
func (s *Store) PutXorb(ctx context.Context, sc Scope, hash xet.Hash, r io.Reader) (inserted bool, err error) {
	if sc.UserID == "" {
		return false, errs.New(errs.Unauthenticated, "Uploads need a user")
	}
	leave, err := s.enterUpload(ctx, sc.UserID, s.wait)
	if err != nil {
		return false, err
	}
	defer leave()
	if err := s.checkUnfinished(ctx, sc.UserID); err != nil {
		return false, err
	}
	ended := s.aheads.begin(sc, hash)
	defer func() { ended(err == nil) }()
	known, err := s.visible(ctx, s.db, sc, []xet.Hash{hash})
	if err != nil {
		return false, errs.Wrap("xetstore.PutXorb", err)
	}
	if known[hash] && s.intact(ctx, hash) {
		if _, err := xet.VerifyXorb(r, io.Discard, hash); err != nil {
			return false, errs.Wrap("xetstore.PutXorb", refused(err))
		}
		return false, errs.Wrap("xetstore.PutXorb", s.recordUpload(ctx, sc, hash, nil, 0))
	}
	err = s.storeXorb(ctx, sc, hash, r)
	return !known[hash], errs.Wrap("xetstore.PutXorb", err)
}

// intact reports whether the xorb's blob is there in full, as far as its length tells and nothing else is known. If not, an upload repairs it.
func (s *Store) intact(ctx context.Context, hash xet.Hash) bool {
	row, err := getXorb(ctx, s.db, hash)
	if err != nil || row == nil || row.DamagedAt != nil {
		return false
	}
	info, err := s.blobs.Stat(ctx, xorbKey(hash))
	return err == nil && info.Size == row.StoredSize
}

func (s *Store) storeXorb(ctx context.Context, sc Scope, hash xet.Hash, r io.Reader) error {
	since := s.micros()
	up, err := s.blobs.Create(ctx)
	if err != nil {
		return err
	}
	defer up.Abort()
	index, err := xet.VerifyXorb(r, up, hash)
	if err != nil {
		return refused(err)
	}
	if _, err := up.Write(index.AppendTrailer(nil)); err != nil {
		return err
	}
	unlock, err := s.commits.Take(ctx, hash)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := s.commitBody(ctx, up, hash)
	if err != nil {
		return err
	}
	if !stored {
		return s.recordUpload(ctx, sc, hash, nil, since)
	}
	row := newXorbRow(index, up.Size(), s.micros())
	if err := s.recordUpload(ctx, sc, hash, &row, since); err != nil {
		return err
	}
	s.indexes.Put(hash, index, indexWeight(index))
	return nil
}

// commitBody makes an upload the xorb's body unless there is one: clients hold offsets into the one that is stored, and
// another may be compressed otherwise. The caller holds the xorb's lock.
func (s *Store) commitBody(ctx context.Context, up blob.Upload, hash xet.Hash) (stored bool, err error) {
	if s.intact(ctx, hash) {
		return false, s.discard(ctx, up)
	}
	s.indexes.Remove(hash)
	return true, up.Commit(ctx, xorbKey(hash))
}

// discard ends the upload of a xorb that is stored already in the time that storing it takes.
func (s *Store) discard(ctx context.Context, up blob.Upload) error {
	key := "discard/" + hub.NewID()
	if err := up.Commit(ctx, key); err != nil {
		return err
	}
	if err := s.blobs.Delete(ctx, key); err != nil {
		s.log.Warn("a duplicate xorb was not removed", "key", key, "error", err)
	}
	return nil
}

// recordUpload writes the rows of an upload; row is set when the body is new, and since is when its upload began.
func (s *Store) recordUpload(ctx context.Context, sc Scope, hash xet.Hash, row *xorbRow, since int64) error {
	now := s.micros()
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if row != nil {
			if err = checkGraves(ctx, tx, []xorbRow{*row}, since); err == nil {
				err = insertXorbs(ctx, tx, []xorbRow{*row})
			}
		} else {
			var n int64
			if n, err = touchXorbs(ctx, tx, []xet.Hash{hash}, now); err == nil && n == 0 {
				err = collected()
			}
		}
		if err != nil {
			return err
		}
		var pending int64
		if row != nil {
			pending = row.StoredSize
		}
		return insertUploads(ctx, tx, []xet.Hash{hash}, sc.senders(), now, pending)
	})
}

// StatXorb returns the length of a xorb's body if the scope knows it.
func (s *Store) StatXorb(ctx context.Context, sc Scope, hash xet.Hash) (size int64, found bool, err error) {
	known, err := s.visible(ctx, s.db, sc, []xet.Hash{hash})
	if err != nil || !known[hash] {
		return 0, false, errs.Wrap("xetstore.StatXorb", err)
	}
	row, err := getXorb(ctx, s.db, hash)
	if err != nil || row == nil {
		return 0, false, errs.Wrap("xetstore.StatXorb", err)
	}
	return row.BodySize, true, nil
}
