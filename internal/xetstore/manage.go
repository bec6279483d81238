package xetstore

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// Stored is a file as a repository stores it.
type Stored struct {
	File
	Since  time.Time // when the repository got it
	Path   string    // what it was first committed as; empty: no commit named it yet
	Ref    string    // where
	UserID string    // by whom
}

// Place is a position in a list of stored files: after the file with this time and hash.
type Place struct {
	Since time.Time
	Hash  xet.Hash
}

// Stored lists a repository's files, the newest first, from after a place on (zero: from the start). A page costs one
// query, wherever it is.
func (s *Store) Stored(ctx context.Context, repoID string, after Place, limit int) ([]Stored, error) {
	since, file := int64(1<<62), []byte{}
	if !after.Since.IsZero() {
		since, file = after.Since.UnixMicro(), after.Hash[:]
	}
	var rows []storedRow
	if err := s.db.Select(ctx, &rows, selectStored, repoID, since, file, limit); err != nil {
		return nil, errs.Wrap("xetstore.Stored", err)
	}
	return storedOf(repoID, rows), nil
}

func storedOf(repoID string, rows []storedRow) []Stored {
	out := make([]Stored, len(rows))
	for i := range rows {
		r := &rows[i]
		out[i] = Stored{File: r.file(repoID), Since: time.UnixMicro(r.CreatedAt).UTC(), Path: r.Path, Ref: r.Ref, UserID: r.UserID}
	}
	return out
}

// Rank is a position in a list of files by size: after the file with this size and hash.
type Rank struct {
	Size int64
	Hash xet.Hash
}

// Largest lists a repository's files, the largest first, from after a rank on.
func (s *Store) Largest(ctx context.Context, repoID string, after Rank, limit int) ([]Stored, error) {
	var rows []storedRow
	if err := s.db.Select(ctx, &rows, selectLargest, repoID, after.Size, after.Size, after.Hash[:], limit); err != nil {
		return nil, errs.Wrap("xetstore.Largest", err)
	}
	return storedOf(repoID, rows), nil
}

// Sharing is how much of what an owner's repositories have is the same.
type Sharing struct {
	Files  int64 // bytes of the distinct files
	Chunks int64 // bytes of the distinct xorbs that they are made of, before compression
}

// Sharing looks through all repositories of an owner. It tells nothing of others: what they have makes no difference.
func (s *Store) Sharing(ctx context.Context, ownerID string) (sh Sharing, err error) {
	if err = s.db.Get(ctx, &sh.Files, selectFileSum, ownerID); err == nil {
		err = s.db.Get(ctx, &sh.Chunks, selectXorbSum, ownerID)
	}
	return sh, errs.Wrap("xetstore.Sharing", err)
}

// Named says what a file is called.
type Named struct {
	Hash xet.Hash
	Path string
}

// Name records what files of a repository are called, in a ref, by a user. A file that has a name keeps it. A file that
// the repository does not have any more is errs.Invalid: it was deleted meanwhile.
func (s *Store) Name(ctx context.Context, tx *db.Tx, repoID, ref, userID string, files []Named) error {
	hashes := make([]xet.Hash, len(files))
	for i := range files {
		hashes[i] = files[i].Hash
	}
	have, err := selectHad(ctx, tx, repoID, unique(hashes))
	if err != nil {
		return errs.Wrap("xetstore.Name", err)
	}
	for i := range files {
		if !have[files[i].Hash] {
			return errs.New(errs.Invalid, "The large file of %q was deleted from this repository meanwhile. Upload it again, then commit.", files[i].Path)
		}
	}
	if err := s.wanted(ctx, tx, repoID, unique(hashes)); err != nil {
		return errs.Wrap("xetstore.Name", err)
	}
	return errs.Wrap("xetstore.Name", insertNames(ctx, tx, repoID, ref, userID, files))
}

// Known splits some ids: files that a repository has, and ids that it neither has nor had. An id is a SHA-256 or, of a
// file that the hub has not hashed, the hex of its Xet hash. q may be nil.
func (s *Store) Known(ctx context.Context, q db.Queryer, repoID string, ids []hub.SHA256) (files []File, unknown []hub.SHA256, err error) {
	if q == nil {
		q = s.db
	}
	files, unknown, err = known(ctx, q, repoID, ids)
	return files, unknown, errs.Wrap("xetstore.Known", err)
}

func known(ctx context.Context, q db.Queryer, repoID string, ids []hub.SHA256) (files []File, unknown []hub.SHA256, err error) {
	rows, err := selectByID(ctx, q, repoID, ids)
	if err != nil {
		return nil, nil, err
	}
	had, err := selectGone(ctx, q, repoID, ids)
	if err != nil {
		return nil, nil, err
	}
	seen := map[xet.Hash]bool{}
	for i := range rows {
		f := rows[i].file(repoID)
		had[f.Hash.SHA256()], had[f.SHA256] = true, true
		if !seen[f.Hash] {
			seen[f.Hash] = true
			files = append(files, f)
		}
	}
	for _, id := range ids {
		if !had[id] {
			unknown = append(unknown, id)
		}
	}
	return files, unknown, nil
}

// Remove takes files away from a repository for good: its right to them, to the xorbs that only they are made of, and
// their names. Others that have the same keep theirs.
func (s *Store) Remove(ctx context.Context, tx *db.Tx, repoID string, files []File) error {
	hashes, shas := make([]xet.Hash, len(files)), []hub.SHA256{}
	for i := range files {
		if hashes[i] = files[i].Hash; files[i].SHA256 != (hub.SHA256{}) {
			shas = append(shas, files[i].SHA256)
		}
	}
	return errs.Wrap("xetstore.Remove", s.removeFiles(ctx, tx, repoID, hashes, shas))
}

func (s *Store) removeFiles(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, shas []hub.SHA256) error {
	lists, err := selectTermLists(ctx, tx, repoID, files)
	if err != nil {
		return err
	}
	if err := s.unlink(ctx, tx, repoID, files, shas, lists); err != nil {
		return err
	}
	xorbs, err := s.unusedXorbs(ctx, tx, repoID, lists)
	if err != nil {
		return err
	}
	return unlinkXorbs(ctx, tx, repoID, xorbs)
}

// unusedXorbs are those of some lists of terms that none of the repository's files is made of. It reads the terms of
// all that is left: there is no way back from a xorb to files, and a person who removes something wants it gone at once.
func (s *Store) unusedXorbs(ctx context.Context, tx *db.Tx, repoID string, lists map[xet.Hash][]byte) ([]xet.Hash, error) {
	unused := map[xet.Hash]bool{}
	each := func(terms []byte, f func(xet.Hash)) error {
		segments, err := xet.DecodeTerms(terms)
		for i := range segments {
			f(segments[i].Xorb)
		}
		return err
	}
	for h, terms := range lists {
		if err := each(terms, func(x xet.Hash) { unused[x] = true }); err != nil {
			return nil, s.damaged("terms of file "+h.String(), err)
		}
	}
	rows, err := tx.Query(ctx, selectAllTerms, repoID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() && len(unused) > 0 {
		var terms []byte
		if err := rows.Scan(&terms); err != nil {
			return nil, err
		}
		if err := each(terms, func(x xet.Hash) { delete(unused, x) }); err != nil {
			return nil, s.damaged("terms of a file of repository "+repoID, err)
		}
	}
	out := make([]xet.Hash, 0, len(unused))
	for x := range unused {
		out = append(out, x)
	}
	return out, rows.Err()
}

// Gone reports whether a file was deleted for good from a repository. It is asked for files that are not there.
func (s *Store) Gone(ctx context.Context, repoID string, sha hub.SHA256) (bool, error) {
	gone, err := selectGone(ctx, s.db, repoID, []hub.SHA256{sha})
	return gone[sha], errs.Wrap("xetstore.Gone", err)
}
