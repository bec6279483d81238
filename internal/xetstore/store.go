package xetstore

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements as a whole. A list in parentheses is filled in by db.In.
const (
	selectXorb    = "SELECT hash, chunks, raw_size, body_size, stored_size, created_at, damaged_at, lost_at FROM xet_xorb WHERE hash = ?"
	selectXorbs   = "SELECT hash, chunks, raw_size, body_size, stored_size, created_at, damaged_at, lost_at FROM xet_xorb WHERE hash > ? ORDER BY hash LIMIT ?"
	selectBodies  = "SELECT hash, body_size FROM xet_xorb WHERE hash IN (?)"
	selectTouched = "SELECT hash, touched_at FROM xet_xorb WHERE hash IN (?)"
	updateTouched = "UPDATE xet_xorb SET touched_at = ? WHERE hash IN (?)"

	selectTerms     = "SELECT terms FROM xet_repo_file WHERE repo_id = ? AND file = ?"
	selectTermsOf   = "SELECT file, terms FROM xet_repo_file WHERE repo_id = ? AND file IN (?)"
	selectRepoHash  = "SELECT f.hash, f.size, f.sha256 FROM xet_file f JOIN xet_repo_file m ON m.file = f.hash AND m.repo_id = ? WHERE f.hash = ?"
	selectRepoSHAs  = "SELECT f.hash, f.size, f.sha256 FROM xet_file f JOIN xet_repo_file m ON m.file = f.hash AND m.repo_id = ? WHERE f.sha256 IN (?) ORDER BY m.created_at, f.hash"
	selectUsage     = "SELECT CAST(COALESCE(SUM(f.size), 0) AS BIGINT) FROM xet_file f JOIN xet_repo_file m ON m.file = f.hash WHERE m.repo_id = ?"
	selectUsages    = "SELECT m.repo_id, CAST(SUM(f.size) AS BIGINT) AS bytes FROM xet_file f JOIN xet_repo_file m ON m.file = f.hash WHERE m.repo_id IN (?) GROUP BY m.repo_id"
	selectSizes     = "SELECT DISTINCT f.size FROM xet_repo_file m JOIN xet_file f ON f.hash = m.file WHERE m.repo_id = ? AND f.size IN (?)"
	copyFiles       = "INSERT INTO xet_repo_file (repo_id, file, created_at, terms) SELECT ?, file, ?, terms FROM xet_repo_file WHERE repo_id = ? AND file IN (?) ON CONFLICT DO NOTHING"
	copyRepoFiles   = "INSERT INTO xet_repo_file (repo_id, file, created_at, terms) SELECT ?, file, created_at, terms FROM xet_repo_file WHERE repo_id = ? AND file IN (?) ON CONFLICT DO NOTHING"
	copyRepoXorbs   = "INSERT INTO xet_repo_xorb (xorb, repo_id) SELECT xorb, ? FROM xet_repo_xorb WHERE repo_id = ? AND xorb IN (?) ON CONFLICT DO NOTHING"
	selectBySHA     = "SELECT hash FROM xet_file WHERE sha256 IN (?)"
	deleteRepoFiles = "DELETE FROM xet_repo_file WHERE repo_id = ?"
	deleteRepoXorbs = "DELETE FROM xet_repo_xorb WHERE repo_id = ?"
)

// Pieces of inserts, which insertRows completes with as many rows as it has, and of the visibility test of a scope.
const (
	fragInsertXorbs     = "INSERT INTO xet_xorb (hash, chunks, raw_size, body_size, stored_size, created_at, touched_at) VALUES "
	fragInsertUploads   = "INSERT INTO xet_xorb_upload (xorb, user_id, created_at, pending) VALUES "
	fragInsertFiles     = "INSERT INTO xet_file (hash, size, sha256, created_at) VALUES "
	fragInsertRepoFiles = "INSERT INTO xet_repo_file (repo_id, file, created_at, terms) VALUES "
	fragInsertRepoXorbs = "INSERT INTO xet_repo_xorb (xorb, repo_id) VALUES "
	fragInsertChunks    = "INSERT INTO xet_chunk (chunk, xorb) VALUES "

	fragVisible  = "SELECT x.hash FROM xet_xorb x WHERE x.hash IN (?) AND x.damaged_at IS NULL AND "
	fragByChunk  = "SELECT x.hash FROM xet_chunk c JOIN xet_xorb x ON x.hash = c.xorb WHERE c.chunk = ? AND x.damaged_at IS NULL AND "
	fragHashed   = "SELECT f.hash, f.sha256 FROM xet_file f WHERE f.sha256 IS NOT NULL AND f.hash IN (?) AND "
	fragSent     = "EXISTS (SELECT 1 FROM xet_xorb_upload u WHERE u.xorb = x.hash AND u.user_id = ? AND u.user_id <> '')"
	fragXorbIn   = "EXISTS (SELECT 1 FROM xet_repo_xorb m JOIN repo r ON r.id = m.repo_id WHERE m.xorb = x.hash AND "
	fragFileIn   = "EXISTS (SELECT 1 FROM xet_repo_file m JOIN repo r ON r.id = m.repo_id WHERE m.file = f.hash AND "
	fragReadable = "(r.id = ? OR (r.visibility = 'public' AND r.gated = '' AND NOT r.disabled)"
	fragOwned    = " OR (r.owner_id IN (?) AND NOT r.disabled)"
)

// visibleTest is the condition that the xorb x is known to a scope: the user has sent its bytes, or may read a
// repository that is made of it.
func (sc Scope) visibleTest() (condition string, args []any) {
	if sc.All {
		return "1 = 1", nil
	}
	readable, args := sc.readableTest()
	return "(" + fragSent + " OR " + fragXorbIn + readable + "))", append([]any{sc.senders()[0]}, args...)
}

// fileTest is the condition that a scope may read the file f in some repository.
func (sc Scope) fileTest() (condition string, args []any) {
	if sc.All {
		return "1 = 1", nil
	}
	readable, args := sc.readableTest()
	return fragFileIn + readable + ")", args
}

// readableTest is the condition that a scope may read the repository r. Gated and disabled repositories are not for
// everybody, so that being public alone does not make known what they have.
func (sc Scope) readableTest() (condition string, args []any) {
	condition, args = fragReadable, []any{sc.RepoID}
	if len(sc.Owners) > 0 {
		condition, args = condition+fragOwned, append(args, sc.Owners)
	}
	return condition + ")", args
}

// selectVisible returns those of some xorbs that a scope knows.
func selectVisible(ctx context.Context, q db.Queryer, sc Scope, keys [][]byte) (rows [][]byte, err error) {
	test, args := sc.visibleTest()
	query, args, err := db.In(fragVisible+test, append([]any{keys}, args...)...)
	if err == nil {
		err = q.Select(ctx, &rows, query, args...)
	}
	return rows, err
}

// xorbRow is a row of xet_xorb.
type xorbRow struct {
	Hash       []byte
	Chunks     int64
	RawSize    int64  `db:"raw_size"`
	BodySize   int64  `db:"body_size"`
	StoredSize int64  `db:"stored_size"`
	CreatedAt  int64  `db:"created_at"`
	DamagedAt  *int64 `db:"damaged_at"` // nil: nothing is known against it
	LostAt     *int64 `db:"lost_at"`    // nil: it was not given up
}

func newXorbRow(x *xet.Index, stored, now int64) xorbRow {
	n := x.NumChunks()
	return xorbRow{
		Hash: x.Hash[:], Chunks: int64(n), RawSize: int64(x.RawLen(0, n)), BodySize: x.BodyLen(), StoredSize: stored, CreatedAt: now,
	}
}

// getXorb returns a xorb's row, nil if there is none.
func getXorb(ctx context.Context, q db.Queryer, h xet.Hash) (*xorbRow, error) {
	var row xorbRow
	err := q.Get(ctx, &row, selectXorb, h[:])
	if db.IsNoRows(err) {
		return nil, nil
	}
	return &row, err
}

// restored is what a xorb's new body changes in its row. Damage that was found before is gone with the old body.
const restored = " ON CONFLICT (hash) DO UPDATE SET touched_at = excluded.touched_at, body_size = excluded.body_size, stored_size = excluded.stored_size," +
	" damaged_at = CASE WHEN xet_xorb.damaged_at > excluded.created_at THEN xet_xorb.damaged_at END," +
	" lost_at = CASE WHEN xet_xorb.damaged_at > excluded.created_at THEN xet_xorb.lost_at END"

// insertXorbs adds xorbs whose bodies were just stored.
func insertXorbs(ctx context.Context, tx *db.Tx, rows []xorbRow) error {
	return insertRows(ctx, tx, fragInsertXorbs, 7, restored,
		len(rows), func(i int) []any {
			r := &rows[i]
			return []any{r.Hash, r.Chunks, r.RawSize, r.BodySize, r.StoredSize, r.CreatedAt, r.CreatedAt}
		})
}

// touchXorbs keeps xorbs from the collector and returns how many there are.
func touchXorbs(ctx context.Context, tx *db.Tx, hashes []xet.Hash, now int64) (n int64, err error) {
	err = inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In(updateTouched, now, keys)
		if err != nil {
			return err
		}
		rows, err := tx.Exec(ctx, query, args...)
		n += rows
		return err
	})
	return n, err
}

// insertUploads records who sent xorbs; pending are the bytes that count as theirs until a repository is made of them.
func insertUploads(ctx context.Context, tx *db.Tx, hashes []xet.Hash, senders []string, now, pending int64) error {
	n := len(senders)
	return insertRows(ctx, tx, fragInsertUploads, 4, " ON CONFLICT DO NOTHING",
		len(hashes)*n, func(i int) []any { return []any{hashes[i/n][:], senders[i%n], now, pending} })
}

// fileRow is a row of xet_file, with the terms that a repository is to have it by.
type fileRow struct {
	Hash   []byte
	Size   int64
	SHA256 []byte `db:"sha256"`
	terms  []byte
}

func (r *fileRow) file(repoID string) File {
	f := File{RepoID: repoID, Hash: xet.Hash(r.Hash), Size: r.Size}
	if len(r.SHA256) == len(f.SHA256) {
		f.SHA256 = hub.SHA256(r.SHA256)
	}
	return f
}

// getTerms returns the terms by which a repository has a file; found is false if it does not have it.
func getTerms(ctx context.Context, q db.Queryer, repoID string, h xet.Hash) (terms []byte, found bool, err error) {
	err = q.Get(ctx, &terms, selectTerms, repoID, h[:])
	if db.IsNoRows(err) {
		return nil, false, nil
	}
	return terms, err == nil, err
}

// selectTermLists reads the terms by which a repository has files, and leaves out those that it does not have.
func selectTermLists(ctx context.Context, q db.Queryer, repoID string, files []xet.Hash) (map[xet.Hash][]byte, error) {
	found := make(map[xet.Hash][]byte, len(files))
	err := inBatches(files, func(keys [][]byte) error {
		query, args, err := db.In(selectTermsOf, repoID, keys)
		if err != nil {
			return err
		}
		var rows []struct{ File, Terms []byte }
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for _, r := range rows {
			found[xet.Hash(r.File)] = r.Terms
		}
		return nil
	})
	return found, err
}

// selectHashed returns the SHA-256 of those files that the scope may read and that were hashed.
func selectHashed(ctx context.Context, q db.Queryer, sc Scope, files []xet.Hash) (map[xet.Hash]hub.SHA256, error) {
	found := map[xet.Hash]hub.SHA256{}
	test, testArgs := sc.fileTest()
	err := inBatches(files, func(keys [][]byte) error {
		query, args, err := db.In(fragHashed+test, append([]any{keys}, testArgs...)...)
		if err != nil {
			return err
		}
		var rows []fileRow
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for _, r := range rows {
			found[xet.Hash(r.Hash)] = hub.SHA256(r.SHA256)
		}
		return nil
	})
	return found, err
}

func insertFiles(ctx context.Context, tx *db.Tx, rows []fileRow, now int64) error {
	return insertRows(ctx, tx, fragInsertFiles, 4,
		" ON CONFLICT (hash) DO UPDATE SET sha256 = COALESCE(xet_file.sha256, excluded.sha256)",
		len(rows), func(i int) []any {
			r := &rows[i]
			var sha any
			if r.SHA256 != nil {
				sha = r.SHA256
			}
			return []any{r.Hash, r.Size, sha, now}
		})
}

// nonNil keeps an empty list of terms from becoming NULL.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// insertRepoFiles gives a repository files. It keeps the terms of those that it has already.
func insertRepoFiles(ctx context.Context, tx *db.Tx, repoID string, rows []fileRow, now int64) error {
	return insertRows(ctx, tx, fragInsertRepoFiles, 4, " ON CONFLICT DO NOTHING",
		len(rows), func(i int) []any { return []any{repoID, rows[i].Hash, now, nonNil(rows[i].terms)} })
}

func insertRepoXorbs(ctx context.Context, tx *db.Tx, repoID string, xorbs []xet.Hash) error {
	return insertRows(ctx, tx, fragInsertRepoXorbs, 2, " ON CONFLICT DO NOTHING",
		len(xorbs), func(i int) []any { return []any{xorbs[i][:], repoID} })
}

func insertChunks(ctx context.Context, tx *db.Tx, chunks []chunkRow) error {
	return insertRows(ctx, tx, fragInsertChunks, 2, " ON CONFLICT DO NOTHING",
		len(chunks), func(i int) []any { return []any{chunks[i].chunk[:], chunks[i].xorb[:]} })
}

// chunkRow says that a xorb is worth naming to who asks for a chunk: it holds the chunk, or follows one that does.
type chunkRow struct{ chunk, xorb xet.Hash }

// selectChunk returns xorbs that the chunk leads to and the scope knows.
func selectChunk(ctx context.Context, q db.Queryer, sc Scope, chunk xet.Hash, limit int) ([]xet.Hash, error) {
	test, args := sc.visibleTest()
	query, args, err := db.In(fragByChunk+test+" ORDER BY x.hash LIMIT ?", append(append([]any{chunk[:]}, args...), limit)...)
	if err != nil {
		return nil, err
	}
	var rows [][]byte
	if err := q.Select(ctx, &rows, query, args...); err != nil {
		return nil, err
	}
	found := make([]xet.Hash, len(rows))
	for i, r := range rows {
		found[i] = xet.Hash(r)
	}
	return found, nil
}

// insertSizes keep the number of different statements small, as batchSizes do.
var insertSizes = []int{128, 16, 4, 1}

// insertRows inserts n rows of the given number of columns, many per statement.
func insertRows(ctx context.Context, tx *db.Tx, insert string, columns int, clash string, n int, row func(i int) []any) error {
	for done := 0; done < n; {
		size := 1
		for _, s := range insertSizes {
			if s <= n-done {
				size = s
				break
			}
		}
		args := make([]any, 0, size*columns)
		for i := range size {
			args = append(args, row(done+i)...)
		}
		group := "(" + strings.Repeat("?, ", columns-1) + "?)"
		query := insert + strings.Repeat(group+", ", size-1) + group + clash
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
		done += size
	}
	return nil
}
