package xetstore

import (
	"context"
	"maps"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// register writes what was verified and gives the repository its right to it.
func (s *Store) register(ctx context.Context, tx *db.Tx, repoID string, g *registration) error {
	now := s.micros()
	if err := s.registerXorbs(ctx, tx, g, now); err != nil {
		return err
	}
	if err := insertFiles(ctx, tx, g.files, now); err != nil {
		return err
	}
	files, sizes := make([]xet.Hash, len(g.files)), make([]int64, len(g.files))
	for i := range g.files {
		files[i], sizes[i] = xet.Hash(g.files[i].Hash), g.files[i].Size
	}
	if err := s.growBy(ctx, tx, repoID, files, sizes); err != nil {
		return err
	}
	if g.renew {
		if err := s.renewTerms(ctx, tx, repoID, g.files); err != nil {
			return err
		}
	}
	if err := insertRepoFiles(ctx, tx, repoID, g.files, now); err != nil {
		return err
	}
	if err := s.linkXorbs(ctx, tx, repoID, files, now); err != nil {
		return err
	}
	if err := keepLed(ctx, tx, g.chunks, now); err != nil {
		return err
	}
	return insertChunks(ctx, tx, uniqueChunks(g.chunks))
}

// keepLed touches the xorbs that chunks are to lead to: a shard may list some that none of its files is made of.
func keepLed(ctx context.Context, tx *db.Tx, chunks []chunkRow, now int64) error {
	xorbs := make([]xet.Hash, len(chunks))
	for i := range chunks {
		xorbs[i] = chunks[i].xorb
	}
	xorbs = unique(xorbs)
	n, err := touchXorbs(ctx, tx, xorbs, now)
	if err == nil && n != int64(len(xorbs)) {
		err = collected()
	}
	return err
}

// growBy tells of the files that a repository is about to get, and of the bytes of those that it does not have yet.
func (s *Store) growBy(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, sizes []int64) error {
	had, err := selectHad(ctx, tx, repoID, files)
	if err != nil {
		return err
	}
	var bytes int64
	for i, h := range files {
		if !had[h] {
			had[h] = true
			bytes += sizes[i]
		}
	}
	s.grow(ctx, tx, repoID, bytes)
	return s.wanted(ctx, tx, repoID, files)
}

func (s *Store) registerXorbs(ctx context.Context, tx *db.Tx, g *registration, now int64) error {
	if err := insertXorbs(ctx, tx, g.xorbs); err != nil {
		return err
	}
	if err := checkGraves(ctx, tx, g.xorbs, g.since); err != nil {
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
	return insertUploads(ctx, tx, sent, g.senders, now, 0)
}

// collected is the rare answer when the collector was faster than an upload that refers to what it removed.
func collected() error {
	return errs.New(errs.Unavailable, "A part of the content was removed as unused a moment ago. Send it again.")
}

// Link gives a repository files that others have, made of the same xorbs, and the right to those. A file that is not in
// its repository is errs.NotFound. The caller knows that who asks may read the files.
func (s *Store) Link(ctx context.Context, tx *db.Tx, repoID string, files []File) error {
	return errs.Wrap("xetstore.Link", s.link(ctx, tx, repoID, files))
}

func (s *Store) link(ctx context.Context, tx *db.Tx, repoID string, files []File) error {
	now := s.micros()
	from, all, sizes := map[string][]xet.Hash{}, make([]xet.Hash, len(files)), make([]int64, len(files))
	for i := range files {
		from[files[i].RepoID] = append(from[files[i].RepoID], files[i].Hash)
		all[i], sizes[i] = files[i].Hash, files[i].Size
	}
	if err := s.growBy(ctx, tx, repoID, all, sizes); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(from)) {
		err := inBatches(from[id], func(keys [][]byte) error {
			query, args, err := db.In(copyFiles, repoID, now, id, keys)
			if err == nil {
				_, err = tx.Exec(ctx, query, args...)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.linkXorbs(ctx, tx, repoID, unique(all), now)
}

// linkXorbs gives a repository the right to the xorbs that files are made of, by the terms that it has them by: for a
// file that it had before, those need not be the ones just sent.
func (s *Store) linkXorbs(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, now int64) error {
	lists, err := selectTermLists(ctx, tx, repoID, files)
	if err != nil {
		return err
	}
	var xorbs []xet.Hash
	for _, h := range files {
		list, ok := lists[h]
		if !ok {
			return errNoFile
		}
		segments, err := xet.DecodeTerms(list)
		if err != nil {
			return s.damaged("terms of file "+h.String(), err)
		}
		xorbs = append(xorbs, xorbsOf(segments)...)
	}
	xorbs = unique(xorbs)
	n, err := touchXorbs(ctx, tx, xorbs, now)
	if err != nil {
		return err
	}
	if n != int64(len(xorbs)) {
		return collected()
	}
	if err := inBatches(xorbs, func(keys [][]byte) error { return execIn(ctx, tx, updatePending, keys) }); err != nil {
		return err
	}
	return insertRepoXorbs(ctx, tx, repoID, xorbs)
}

// DeleteRepo takes a repository's rights away. The bytes stay for the collector.
func (s *Store) DeleteRepo(ctx context.Context, tx *db.Tx, repoID string) error {
	if _, err := tx.Exec(ctx, noteThinOf, s.micros(), repoID); err != nil { // others may need little of what they share with it
		return errs.Wrap("xetstore.DeleteRepo", err)
	}
	for _, statement := range []string{deleteRepoFiles, deleteRepoXorbs, deleteRepoNames, deleteRepoGone, deleteRepoLoose} {
		if _, err := tx.Exec(ctx, statement, repoID); err != nil {
			return errs.Wrap("xetstore.DeleteRepo", err)
		}
	}
	return nil
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
