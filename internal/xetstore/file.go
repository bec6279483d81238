package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// File is a stored file. SHA256 is zero while the server has not read the bytes.
type File struct {
	Hash   xet.Hash
	Size   int64
	SHA256 hub.SHA256
}

// FindFiles returns those of the files, named by SHA-256, that a repository has. q may be nil: outside of a transaction.
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
			f := rows[i].file()
			found[f.SHA256] = f
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
	return row.file(), true, nil
}

// Usage is the sum of the sizes of a repository's files, each counted once. q may be nil.
func (s *Store) Usage(ctx context.Context, q db.Queryer, repoID string) (bytes int64, err error) {
	if q == nil {
		q = s.db
	}
	err = q.Get(ctx, &bytes, selectUsage, repoID)
	return bytes, errs.Wrap("xetstore.Usage", err)
}

// fileTerms is a file's size and terms, as cached.
type fileTerms struct {
	size     int64
	segments []xet.Segment
}

func termsWeight(t *fileTerms) int64 { return 64 + 48*int64(len(t.segments)) }

func (s *Store) termsOf(ctx context.Context, h xet.Hash) (*fileTerms, error) {
	if t, ok := s.terms.Get(h); ok {
		return t, nil
	}
	row, err := getTerms(ctx, s.db, h)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, errs.New(errs.NotFound, "The file is not stored here")
	}
	segments, err := xet.DecodeTerms(row.Terms)
	if err != nil {
		return nil, s.damaged("terms of file "+h.String(), err)
	}
	t := &fileTerms{row.Size, segments}
	if w := termsWeight(t); w <= s.maxTerms {
		s.terms.Put(h, t, w)
	}
	return t, nil
}
