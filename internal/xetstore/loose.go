package xetstore

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// GiveUp takes files away from a repository as Remove does, for who gives up many: the right to the xorbs that only they were
// made of ends when Loosen looks next. With known, who asks for one is told that it was here.
func (s *Store) GiveUp(ctx context.Context, tx *db.Tx, repoID string, files []File, known bool) error {
	hashes, shas := make([]xet.Hash, len(files)), []hub.SHA256{}
	for i := range files {
		if hashes[i] = files[i].Hash; known && files[i].SHA256 != (hub.SHA256{}) {
			shas = append(shas, files[i].SHA256)
		}
	}
	lists, err := selectTermLists(ctx, tx, repoID, hashes)
	if err == nil {
		err = s.unlink(ctx, tx, repoID, hashes, shas, lists)
	}
	if err != nil {
		return errs.Wrap("xetstore.GiveUp", err)
	}
	_, err = tx.Exec(ctx, noteLoose, repoID, s.micros())
	return errs.Wrap("xetstore.GiveUp", err)
}

// unlink takes files out of a repository's rows, but not the right to what they were made of. lists are their terms.
func (s *Store) unlink(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, gone []hub.SHA256, lists map[xet.Hash][]byte) error {
	var xorbs []xet.Hash
	for h, terms := range lists {
		segments, err := xet.DecodeTerms(terms)
		if err != nil {
			return s.damaged("terms of file "+h.String(), err)
		}
		xorbs = append(xorbs, xorbsOf(segments)...)
	}
	if err := insertThin(ctx, tx, unique(xorbs), s.micros()); err != nil {
		return err
	}
	rows, err := selectIn[xet.Hash, fileRow](ctx, tx, selectRepoByHash, repoID, unique(files))
	if err != nil {
		return err
	}
	seen := map[xet.Hash]bool{}
	for i := range rows {
		if h := xet.Hash(rows[i].Hash); !seen[h] {
			seen[h] = true
			s.grow(ctx, tx, repoID, -rows[i].Size)
		}
	}
	if err := unlinkFiles(ctx, tx, repoID, files); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		for _, h := range files {
			s.terms.Remove(termsKey{repoID, h})
		}
	})
	return insertGone(ctx, tx, repoID, gone, s.micros())
}

// Loosen ends the rights to xorbs of repositories that gave files up, where no other file of theirs is made of them. It reads
// the terms of all that such a repository has, outside of any transaction.
func (s *Store) Loosen(ctx context.Context) error {
	for after := ""; ; {
		var rows []looseRow
		if err := s.db.Select(ctx, &rows, selectLoose, after, looseAtOnce); err != nil || len(rows) == 0 {
			return errs.Wrap("xetstore.Loosen", err)
		}
		for _, r := range rows {
			if err := s.loosen(ctx, r); err != nil {
				return errs.Wrap("xetstore.Loosen", err)
			}
			after = r.RepoID
		}
	}
}

const looseAtOnce = 100

type looseRow struct {
	RepoID  string `db:"repo_id"`
	NotedAt int64  `db:"noted_at"`
}

// loosen looks at one repository. First it reads when each of its xorbs was touched, then what its files are made of. Whoever
// makes a file of a xorb after the first touches it, and whoever did so before is seen by the second: what is in no file and was
// not touched since then may go.
func (s *Store) loosen(ctx context.Context, r looseRow) error {
	free := map[xet.Hash]int64{}
	if err := s.touches(ctx, r.RepoID, free); err != nil {
		return err
	}
	if err := s.eachTerms(ctx, s.db, r.RepoID, func(x xet.Hash) { delete(free, x) }); err != nil {
		return err
	}
	list := make([]xet.Hash, 0, len(free))
	for h := range free {
		list = append(list, h)
	}
	again := false
	for some := range slices.Chunk(list, gravesAtOnce) {
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			still, err := untouchedSince(ctx, tx, some, free)
			if err != nil {
				return err
			}
			again = again || len(still) < len(some)
			return unlinkXorbs(ctx, tx, r.RepoID, still)
		})
		if err != nil {
			return err
		}
	}
	if again { // the next time
		return nil
	}
	_, err := s.db.Exec(ctx, deleteLoose, r.RepoID, r.NotedAt)
	return err
}

// touches reads when each xorb of a repository was touched last.
func (s *Store) touches(ctx context.Context, repoID string, at map[xet.Hash]int64) error {
	rows, err := s.db.Query(ctx, selectRepoTouches, repoID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		var touched int64
		if err := rows.Scan(&hash, &touched); err != nil {
			return err
		}
		at[xet.Hash(hash)] = touched
	}
	return rows.Err()
}

// eachTerms calls f with the xorb of each term of each file of a repository. Terms that cannot be read end it with an error:
// what they name is not known, so nothing may be taken away.
func (s *Store) eachTerms(ctx context.Context, q db.Queryer, repoID string, f func(xet.Hash)) error {
	rows, err := q.Query(ctx, selectAllTerms, repoID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var terms []byte
		if err := rows.Scan(&terms); err != nil {
			return err
		}
		segments, err := xet.DecodeTerms(terms)
		if err != nil {
			return s.damaged("terms of a file of repository "+repoID, err)
		}
		for i := range segments {
			f(segments[i].Xorb)
		}
	}
	return rows.Err()
}

// untouchedSince are those of some xorbs that were touched last when at says.
func untouchedSince(ctx context.Context, tx *db.Tx, xorbs []xet.Hash, at map[xet.Hash]int64) (still []xet.Hash, err error) {
	return still, inBatches(xorbs, func(keys [][]byte) error {
		query, args, err := db.In(selectTouched, keys)
		if err != nil {
			return err
		}
		var rows []oldXorb
		if err := tx.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for i := range rows {
			if h := xet.Hash(rows[i].Hash); rows[i].TouchedAt == at[h] {
				still = append(still, h)
			}
		}
		return nil
	})
}
