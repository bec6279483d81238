package xetstore

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// register writes what was verified and gives the repository its right to it.
func (s *Store) register(ctx context.Context, tx *db.Tx, repoID string, g *registration) error {
	now := s.micros()
	if err := s.registerXorbs(ctx, tx, g, now); err != nil {
		return err
	}
	members, err := registerFiles(ctx, tx, g.files, now)
	if err != nil {
		return err
	}
	if err := s.link(ctx, tx, repoID, members, now); err != nil {
		return err
	}
	return insertChunks(ctx, tx, uniqueChunks(g.chunks))
}

func (s *Store) registerXorbs(ctx context.Context, tx *db.Tx, g *registration, now int64) error {
	if err := insertXorbs(ctx, tx, g.xorbs, false); err != nil {
		return err
	}
	n, err := touchXorbs(ctx, tx, g.had, now)
	if err != nil {
		return err
	}
	if n != int64(len(g.had)) {
		return collected()
	}
	sent := slices.Clone(g.had)
	for i := range g.xorbs {
		sent = append(sent, xet.Hash(g.xorbs[i].Hash))
	}
	return insertUploads(ctx, tx, sent, g.userID, now)
}

// collected is the rare answer when the collector was faster than an upload that refers to what it removed.
func collected() error {
	return errs.New(errs.Unavailable, "A part of the content was removed as unused a moment ago. Send it again.")
}

// registerFiles inserts the files that are new and returns the files that a repository needs to have all of them.
//
// A SHA-256 belongs to one file row. When the same bytes were stored before, cut into other chunks, the repository gets
// a right to both: the one that was uploaded, and the one that the SHA-256 leads to.
func registerFiles(ctx context.Context, tx *db.Tx, files []fileRow, now int64) ([]xet.Hash, error) {
	var shas []hub.SHA256
	for i := range files {
		if files[i].SHA256 != nil {
			shas = append(shas, hub.SHA256(files[i].SHA256))
		}
	}
	owner, err := selectBySHA(ctx, tx, shas)
	if err != nil {
		return nil, err
	}
	rows := slices.Clone(files) // the transaction may run again
	members := make([]xet.Hash, 0, len(files))
	for i := range rows {
		h := xet.Hash(rows[i].Hash)
		members = append(members, h)
		if rows[i].SHA256 == nil {
			continue
		}
		sha := hub.SHA256(rows[i].SHA256)
		if first, ok := owner[sha]; !ok {
			owner[sha] = h
		} else if first != h {
			rows[i].SHA256 = nil
			members = append(members, first)
		}
	}
	return members, insertFiles(ctx, tx, rows, now)
}

// Link gives a repository the right to files and to the xorbs that they are made of. A file that does not exist is
// errs.NotFound. The caller knows that who asks may read the files.
func (s *Store) Link(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) error {
	return errs.Wrap("xetstore.Link", s.link(ctx, tx, repoID, files, s.micros()))
}

// link goes by the terms that are stored, which for a file that was there before need not be those just sent.
func (s *Store) link(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, now int64) error {
	files = unique(files)
	rows, err := selectFiles(ctx, tx, files)
	if err != nil {
		return err
	}
	var xorbs []xet.Hash
	seen := map[xet.Hash]bool{}
	for _, h := range files {
		row := rows[h]
		if row == nil {
			return errs.New(errs.NotFound, "The file is not stored here")
		}
		segments, err := xet.DecodeTerms(row.Terms)
		if err != nil {
			return s.damaged("terms of file "+h.String(), err)
		}
		for i := range segments {
			if x := segments[i].Xorb; !seen[x] {
				seen[x] = true
				xorbs = append(xorbs, x)
			}
		}
	}
	n, err := touchXorbs(ctx, tx, xorbs, now)
	if err != nil {
		return err
	}
	if n != int64(len(xorbs)) {
		return collected()
	}
	if err := insertRepoFiles(ctx, tx, repoID, files, now); err != nil {
		return err
	}
	return insertRepoXorbs(ctx, tx, repoID, xorbs)
}

// CopyRepo gives one repository the right to all that another has.
func (s *Store) CopyRepo(ctx context.Context, tx *db.Tx, fromRepo, toRepo string) error {
	_, err := tx.Exec(ctx, copyRepoFiles, toRepo, s.micros(), fromRepo)
	if err == nil {
		_, err = tx.Exec(ctx, copyRepoXorbs, toRepo, fromRepo)
	}
	return errs.Wrap("xetstore.CopyRepo", err)
}

// DeleteRepo takes a repository's rights away. The bytes stay for the collector.
func (s *Store) DeleteRepo(ctx context.Context, tx *db.Tx, repoID string) error {
	_, err := tx.Exec(ctx, deleteRepoFiles, repoID)
	if err == nil {
		_, err = tx.Exec(ctx, deleteRepoXorbs, repoID)
	}
	return errs.Wrap("xetstore.DeleteRepo", err)
}

func unique(hashes []xet.Hash) []xet.Hash {
	seen := make(map[xet.Hash]bool, len(hashes))
	return slices.DeleteFunc(slices.Clone(hashes), func(h xet.Hash) bool {
		again := seen[h]
		seen[h] = true
		return again
	})
}

func uniqueChunks(chunks []chunkRow) []chunkRow {
	seen := make(map[chunkRow]bool, len(chunks))
	return slices.DeleteFunc(slices.Clone(chunks), func(c chunkRow) bool {
		again := seen[c]
		seen[c] = true
		return again
	})
}
