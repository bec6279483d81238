package xetstore

import (
	"context"
	"iter"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// CopyRepo gives a new repository those files of another that have the SHA-256s, made of the same xorbs, the right to
// those, and no more: a repository may have what its readers are not to have, such as uploads that nobody committed and
// what only squashed commits named. A SHA-256 may come again, or be of no file.
func (s *Store) CopyRepo(ctx context.Context, tx *db.Tx, fromRepo, toRepo string, shas iter.Seq[hub.SHA256]) error {
	c := &copying{s: s, tx: tx, from: fromRepo, to: toRepo}
	if err := c.all(ctx, shas); err != nil {
		return errs.Wrap("xetstore.CopyRepo", err)
	}
	bytes, err := s.Usage(ctx, tx, toRepo)
	if err == nil {
		s.grow(ctx, tx, toRepo, bytes)
	}
	return err
}

type copying struct {
	s        *Store
	tx       *db.Tx
	from, to string
}

// all holds one batch at a time: there may be millions.
func (c *copying) all(ctx context.Context, shas iter.Seq[hub.SHA256]) error {
	batch := make([]hub.SHA256, 0, batchSizes[len(batchSizes)-1])
	for sha := range shas {
		if batch = append(batch, sha); len(batch) < cap(batch) {
			continue
		}
		if err := inBatches(batch, func(keys [][]byte) error { return c.some(ctx, keys) }); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return inBatches(batch, func(keys [][]byte) error { return c.some(ctx, keys) })
}

// some asks for the hashes first: with a join, both databases may go through all files of the original for each batch.
func (c *copying) some(ctx context.Context, shas [][]byte) error {
	if err := c.exec(ctx, copyRepoGone, shas); err != nil {
		return err
	}
	query, args, err := db.In(selectBySHA, shas)
	if err != nil {
		return err
	}
	var files [][]byte
	if err := c.tx.Select(ctx, &files, query, args...); err != nil {
		return err
	}
	hashes := make([]xet.Hash, len(files))
	for i, f := range files {
		hashes[i] = xet.Hash(f)
	}
	return inBatches(hashes, func(keys [][]byte) error { return c.files(ctx, keys) })
}

func (c *copying) files(ctx context.Context, files [][]byte) error {
	for _, statement := range []string{copyRepoFiles, copyRepoNames} {
		if err := c.exec(ctx, statement, files); err != nil {
			return err
		}
	}
	xorbs, err := c.xorbs(ctx, files)
	if err != nil {
		return err
	}
	return inBatches(xorbs, func(keys [][]byte) error { return c.exec(ctx, copyRepoXorbs, keys) })
}

func (c *copying) exec(ctx context.Context, statement string, keys [][]byte) error {
	query, args, err := db.In(statement, c.to, c.from, keys)
	if err == nil {
		_, err = c.tx.Exec(ctx, query, args...)
	}
	return err
}

// xorbs are those that files are made of, each once.
func (c *copying) xorbs(ctx context.Context, files [][]byte) ([]xet.Hash, error) {
	query, args, err := db.In(selectTermsOf, c.from, files)
	if err != nil {
		return nil, err
	}
	rows, err := c.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []xet.Hash
	seen := map[xet.Hash]bool{}
	for rows.Next() {
		var file, terms []byte
		if err := rows.Scan(&file, &terms); err != nil {
			return nil, err
		}
		segments, err := xet.DecodeTerms(terms)
		if err != nil {
			return nil, c.s.damaged("terms of file "+xet.Hash(file).String(), err)
		}
		for i := range segments {
			if x := segments[i].Xorb; !seen[x] {
				seen[x] = true
				out = append(out, x)
			}
		}
	}
	return out, rows.Err()
}
