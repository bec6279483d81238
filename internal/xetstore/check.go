package xetstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements of looking through all that there is.
const (
	selectFilesOf   = "SELECT m.file AS hash, f.size, f.sha256, m.terms FROM xet_repo_file m JOIN xet_file f ON f.hash = m.file WHERE m.repo_id = ? AND m.file > ? ORDER BY m.file LIMIT ?"
	selectRights    = "SELECT xorb FROM xet_repo_xorb WHERE repo_id = ?"
	selectReposWith = "SELECT repo_id FROM xet_repo_xorb WHERE xorb = ? ORDER BY repo_id LIMIT ?"
	selectIsLoose   = "SELECT COUNT(*) FROM xet_repo_loose WHERE repo_id = ?"
	selectKnown     = "SELECT hash FROM xet_xorb WHERE hash IN (?)"
	selectTotals    = "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(stored_size), 0) AS BIGINT) AS bytes FROM xet_xorb"
)

// Made is a file of a repository with what it is made of there.
type Made struct {
	File
	Terms []byte // see [xet.DecodeTerms]
}

// Files lists the files of a repository in the order of their hashes, up to limit of them with a hash greater than after,
// which is nil for the first page.
func (s *Store) Files(ctx context.Context, repoID string, after []byte, limit int) ([]Made, error) {
	var rows []struct {
		fileRow
		Terms []byte
	}
	if err := s.db.Select(ctx, &rows, selectFilesOf, repoID, nonNil(after), limit); err != nil {
		return nil, errs.Wrap("xetstore.Files", err)
	}
	out := make([]Made, len(rows))
	for i := range rows {
		out[i] = Made{rows[i].file(repoID), rows[i].Terms}
	}
	return out, nil
}

// Checked is what CheckTerms found.
type Checked struct {
	Xorbs   []xet.Hash // that the file is made of, each once
	NoRow   []xet.Hash // those of them that have no row
	Damaged []xet.Hash // those whose index cannot be read
	Err     error      // what is wrong with the terms themselves; matches [xet.ErrCorrupt]
}

// CheckTerms holds what a file is made of against the xorbs' indexes: the xorbs are there, the chunks are in them, their
// lengths add up to the file's, and their hashes to its hash. No byte of the file is read. err says that nothing could be
// found out.
func (s *Store) CheckTerms(ctx context.Context, f *Made) (c Checked, err error) {
	var segments []xet.Segment
	if segments, c.Err = xet.DecodeTerms(f.Terms); c.Err != nil {
		return c, nil //nolint:nilerr // it is what was found
	}
	w := termsWalk{seen: map[xet.Hash]bool{}}
	for i := range segments {
		if err := s.checkTerm(ctx, &segments[i], &w, &c); err != nil {
			return c, errs.Wrap("xetstore.CheckTerms", err)
		}
	}
	if c.Err != nil || len(c.NoRow)+len(c.Damaged) > 0 {
		return c, nil //nolint:nilerr // it is what was found
	}
	switch {
	case w.size != uint64(f.Size):
		c.Err = fmt.Errorf("%w: the terms make %d bytes of a file of %d", xet.ErrCorrupt, w.size, f.Size)
	case w.tree.FileHash() != f.Hash:
		c.Err = fmt.Errorf("%w: the terms do not make the file's hash", xet.ErrCorrupt)
	}
	return c, nil
}

// termsWalk is how far a file has been put together.
type termsWalk struct {
	last *xet.Index // of the term before: runs of terms share a xorb
	seen map[xet.Hash]bool
	size uint64
	tree xet.Merkle
}

func (s *Store) checkTerm(ctx context.Context, t *xet.Segment, w *termsWalk, c *Checked) error {
	first := !w.seen[t.Xorb]
	if first {
		w.seen[t.Xorb] = true
		c.Xorbs = append(c.Xorbs, t.Xorb)
	}
	if w.last == nil || w.last.Hash != t.Xorb {
		w.last = nil
		x, err := s.checkedIndex(ctx, t.Xorb)
		switch {
		case err == nil:
			w.last = x
		case errors.Is(err, ErrDamaged):
			if first {
				c.Damaged = append(c.Damaged, t.Xorb)
			}
			return nil
		case errs.Is(err, errs.NotFound):
			if first {
				c.NoRow = append(c.NoRow, t.Xorb)
			}
			return nil
		default:
			return err
		}
	}
	x := w.last
	if int64(t.End) > int64(x.NumChunks()) || x.RawLen(int(t.Start), int(t.End)) != uint64(t.UnpackedBytes) {
		c.Err = fmt.Errorf("%w: chunks %d to %d of %d bytes are not in xorb %s", xet.ErrCorrupt, t.Start, t.End, t.UnpackedBytes, t.Xorb)
		return nil
	}
	for i := int(t.Start); i < int(t.End); i++ {
		w.tree.Add(xet.Leaf{Hash: x.Chunks[i].Hash, Size: x.RawLen(i, i+1)})
	}
	w.size += uint64(t.UnpackedBytes)
	return nil
}

// checkedIndex is a xorb's index, read from where it is kept for good when it is not in memory.
func (s *Store) checkedIndex(ctx context.Context, h xet.Hash) (*xet.Index, error) {
	if x, ok := s.indexes.Get(h); ok {
		return x, nil
	}
	x, err := s.VerifyXorb(ctx, h, Index)
	if err == nil {
		s.indexes.Put(h, x, indexWeight(x))
	}
	return x, err
}

// Sum reads a file whole and gives its SHA-256.
func (s *Store) Sum(ctx context.Context, f File) (sum hub.SHA256, err error) {
	h := sha256.New()
	err = s.WriteTo(ctx, h, f, 0, f.Size)
	return hub.SHA256(h.Sum(nil)), err
}

// Rights calls visit with each xorb that a repository has a right to, in no order.
func (s *Store) Rights(ctx context.Context, repoID string, visit func(xet.Hash)) error {
	rows, err := s.db.Query(ctx, selectRights, repoID)
	if err != nil {
		return errs.Wrap("xetstore.Rights", err)
	}
	defer rows.Close()
	for rows.Next() {
		var h []byte
		if err := rows.Scan(&h); err != nil {
			return errs.Wrap("xetstore.Rights", err)
		}
		visit(xet.Hash(h))
	}
	return errs.Wrap("xetstore.Rights", rows.Err())
}

// IsLoose reports whether a repository gave files up whose xorbs it still has a right to, until Loosen looks.
func (s *Store) IsLoose(ctx context.Context, repoID string) (bool, error) {
	var n int
	err := s.db.Get(ctx, &n, selectIsLoose, repoID)
	return n > 0, errs.Wrap("xetstore.IsLoose", err)
}

// ReposWith are the ids of up to limit repositories that are made of a xorb.
func (s *Store) ReposWith(ctx context.Context, h xet.Hash, limit int) (ids []string, err error) {
	err = s.db.Select(ctx, &ids, selectReposWith, h[:], limit)
	return ids, errs.Wrap("xetstore.ReposWith", err)
}

// Unknown are those of some blobs' keys that belong to no xorb that has a row.
func (s *Store) Unknown(ctx context.Context, keys []string) (unknown []string, err error) {
	hashes := make(map[xet.Hash]string, len(keys))
	var list []xet.Hash
	for _, key := range keys {
		h, err := xet.ParseHash(key[max(0, len(key)-2*xet.HashSize):])
		if err != nil || xorbKey(h) != key {
			unknown = append(unknown, key)
			continue
		}
		hashes[h] = key
		list = append(list, h)
	}
	err = eachKnown(ctx, s.db, list, func(h xet.Hash) { delete(hashes, h) })
	for _, key := range hashes {
		unknown = append(unknown, key)
	}
	return unknown, errs.Wrap("xetstore.Unknown", err)
}

// eachKnown calls f with each of some xorbs that has a row; it may do so more than once.
func eachKnown(ctx context.Context, q db.Queryer, list []xet.Hash, f func(xet.Hash)) error {
	return inBatches(list, func(keys [][]byte) error {
		query, args, err := db.In(selectKnown, keys)
		if err != nil {
			return err
		}
		var rows [][]byte
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for _, h := range rows {
			f(xet.Hash(h))
		}
		return nil
	})
}

// Totals are how many xorbs there are, and the bytes of their blobs.
func (s *Store) Totals(ctx context.Context) (n, bytes int64, err error) {
	var row struct{ N, Bytes int64 }
	err = s.db.Get(ctx, &row, selectTotals)
	return row.N, row.Bytes, errs.Wrap("xetstore.Totals", err)
}
