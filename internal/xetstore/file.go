package xetstore

import (
	"context"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// File is a file that a repository has. SHA256 is zero while the server has not read the bytes.
type File struct {
	RepoID string // through which it is read: others may have it made of other xorbs
	Hash   xet.Hash
	Size   int64
	SHA256 hub.SHA256
}

// FindFiles returns those of the files, named by SHA-256, that a repository has: of several files with the same bytes,
// cut differently, the one that it got first. q may be nil: outside of a transaction.
func (s *Store) FindFiles(ctx context.Context, q db.Queryer, repoID string, shas []hub.SHA256) (map[hub.SHA256]File, error) {
	if q == nil {
		q = s.db
	}
	found := make(map[hub.SHA256]File, len(shas))
	err := inBatches(shas, func(keys [][]byte) error {
		query, args, err := db.In(selectRepoSHAs, repoID, keys)
		if err != nil {
			return err
		}
		var rows []fileRow
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for i := range rows {
			f := rows[i].file(repoID)
			if _, later := found[f.SHA256]; !later {
				found[f.SHA256] = f
			}
		}
		return nil
	})
	return found, errs.Wrap("xetstore.FindFiles", err)
}

// The memo of which file of a repository has a SHA-256.
type (
	fileKey struct {
		repoID string
		sha    hub.SHA256
	}
	foundFile struct {
		file File
		ok   bool
	}
)

const (
	fileMemo        = 8 << 20
	foundFileWeight = 200
)

// FindFile is FindFiles for one, outside of a transaction, cached for as long as nothing in the database changes.
func (s *Store) FindFile(ctx context.Context, repoID string, sha hub.SHA256) (f File, found bool, err error) {
	kept, err := s.files.Get(fileKey{repoID, sha}, func() (foundFile, error) {
		files, err := s.FindFiles(ctx, nil, repoID, []hub.SHA256{sha})
		f, ok := files[sha]
		return foundFile{f, ok}, err
	})
	return kept.file, kept.ok, err
}

// ByHash returns the file with a Xet hash if the repository has it. q may be nil.
func (s *Store) ByHash(ctx context.Context, q db.Queryer, repoID string, h xet.Hash) (f File, found bool, err error) {
	if q == nil {
		q = s.db
	}
	var row fileRow
	err = q.Get(ctx, &row, selectRepoHash, repoID, h[:])
	if db.IsNoRows(err) {
		return File{}, false, nil
	}
	if err != nil {
		return File{}, false, errs.Wrap("xetstore.ByHash", err)
	}
	return row.file(repoID), true, nil
}

// Usage is the sum of the sizes of a repository's files, each counted once. q may be nil.
func (s *Store) Usage(ctx context.Context, q db.Queryer, repoID string) (bytes int64, err error) {
	if q == nil {
		q = s.db
	}
	err = q.Get(ctx, &bytes, selectUsage, repoID)
	return bytes, errs.Wrap("xetstore.Usage", err)
}

// Usages is what Usage tells, of many repositories at once. Those without files are left out.
func (s *Store) Usages(ctx context.Context, q db.Queryer, repoIDs []string) (map[string]int64, error) {
	query, args, err := db.In(selectUsages, repoIDs)
	if err != nil {
		return nil, errs.Wrap("xetstore.Usages", err)
	}
	var rows []struct {
		RepoID string `db:"repo_id"`
		Bytes  int64
	}
	err = q.Select(ctx, &rows, query, args...)
	sums := make(map[string]int64, len(rows))
	for _, r := range rows {
		sums[r.RepoID] = r.Bytes
	}
	return sums, errs.Wrap("xetstore.Usages", err)
}

// sizesAtOnce bounds the parameters of one statement.
const sizesAtOnce = 500

// HasSizes says of which of some sizes a repository has a file.
func (s *Store) HasSizes(ctx context.Context, repoID string, sizes []int64) (map[int64]bool, error) {
	found := map[int64]bool{}
	for some := range slices.Chunk(sizes, sizesAtOnce) {
		query, args, err := db.In(selectSizes, repoID, some)
		if err != nil {
			return nil, errs.Wrap("xetstore.HasSizes", err)
		}
		var rows []int64
		if err := s.db.Select(ctx, &rows, query, args...); err != nil {
			return nil, errs.Wrap("xetstore.HasSizes", err)
		}
		for _, n := range rows {
			found[n] = true
		}
	}
	return found, nil
}

// termsKey names the terms by which a repository has a file.
type termsKey struct {
	repoID string
	file   xet.Hash
}

// keptTerms are terms that are remembered. They may be of xorbs that were written again since, which live for longer than they do.
type keptTerms struct {
	segments []xet.Segment
	until    time.Time
}

func termsWeight(segments []xet.Segment) int64 { return 64 + 48*int64(len(segments)) }

// termsOf returns what a file is made of in its repository.
func (s *Store) termsOf(ctx context.Context, f File) ([]xet.Segment, error) {
	key := termsKey{f.RepoID, f.Hash}
	if t, ok := s.terms.Get(key); ok && s.now().Before(t.until) {
		return t.segments, nil
	}
	b, found, err := getTerms(ctx, s.db, f.RepoID, f.Hash)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errNoFile
	}
	segments, err := xet.DecodeTerms(b)
	if err != nil {
		return nil, s.damaged("terms of file "+f.Hash.String(), err)
	}
	if w := termsWeight(segments); w <= s.maxTerms {
		s.terms.Put(key, keptTerms{segments, s.now().Add(termsLife)}, w)
	}
	return segments, nil
}
