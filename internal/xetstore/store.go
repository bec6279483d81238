package xetstore

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// xorbRow is a row of xet_xorb.
type xorbRow struct {
	Hash       []byte
	Chunks     int64
	RawSize    int64 `db:"raw_size"`
	BodySize   int64 `db:"body_size"`
	StoredSize int64 `db:"stored_size"`
	CreatedAt  int64 `db:"created_at"`
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
	err := q.Get(ctx, &row, "SELECT hash, chunks, raw_size, body_size, stored_size, created_at FROM xet_xorb WHERE hash = ?", h[:])
	if db.IsNoRows(err) {
		return nil, nil
	}
	return &row, err
}

// insertXorbs adds xorbs, or refreshes what is known of their bodies when those were stored anew.
func insertXorbs(ctx context.Context, tx *db.Tx, rows []xorbRow, anew bool) error {
	clash := " ON CONFLICT (hash) DO UPDATE SET touched_at = excluded.touched_at"
	if anew {
		clash += ", body_size = excluded.body_size, stored_size = excluded.stored_size"
	}
	return insertRows(ctx, tx, "INSERT INTO xet_xorb (hash, chunks, raw_size, body_size, stored_size, created_at, touched_at) VALUES ", 7, clash,
		len(rows), func(i int) []any {
			r := &rows[i]
			return []any{r.Hash, r.Chunks, r.RawSize, r.BodySize, r.StoredSize, r.CreatedAt, r.CreatedAt}
		})
}

// touchXorbs keeps xorbs from the collector and returns how many there are.
func touchXorbs(ctx context.Context, tx *db.Tx, hashes []xet.Hash, now int64) (n int64, err error) {
	err = inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In("UPDATE xet_xorb SET touched_at = ? WHERE hash IN (?)", now, keys)
		if err != nil {
			return err
		}
		rows, err := tx.Exec(ctx, query, args...)
		n += rows
		return err
	})
	return n, err
}

func insertUploads(ctx context.Context, tx *db.Tx, hashes []xet.Hash, userID string, now int64) error {
	return insertRows(ctx, tx, "INSERT INTO xet_xorb_upload (xorb, user_id, created_at) VALUES ", 3, " ON CONFLICT DO NOTHING",
		len(hashes), func(i int) []any { return []any{hashes[i][:], userID, now} })
}

// fileRow is a row of xet_file.
type fileRow struct {
	Hash   []byte
	Size   int64
	SHA256 []byte `db:"sha256"`
	Terms  []byte
}

func (r *fileRow) file() File {
	f := File{Hash: xet.Hash(r.Hash), Size: r.Size}
	if len(r.SHA256) == len(f.SHA256) {
		f.SHA256 = hub.SHA256(r.SHA256)
	}
	return f
}

// getTerms returns a file's size and terms, nil if there is no such file.
func getTerms(ctx context.Context, q db.Queryer, h xet.Hash) (*fileRow, error) {
	var row fileRow
	err := q.Get(ctx, &row, "SELECT hash, size, terms FROM xet_file WHERE hash = ?", h[:])
	if db.IsNoRows(err) {
		return nil, nil
	}
	return &row, err
}

// selectFiles reads the files with the given hashes, with their terms.
func selectFiles(ctx context.Context, q db.Queryer, hashes []xet.Hash) (map[xet.Hash]*fileRow, error) {
	found := map[xet.Hash]*fileRow{}
	err := inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In("SELECT hash, size, sha256, terms FROM xet_file WHERE hash IN (?)", keys)
		if err != nil {
			return err
		}
		var rows []*fileRow
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for _, r := range rows {
			found[xet.Hash(r.Hash)] = r
		}
		return nil
	})
	return found, err
}

// selectBySHA says which file has each SHA-256, in any repository.
func selectBySHA(ctx context.Context, q db.Queryer, shas []hub.SHA256) (map[hub.SHA256]xet.Hash, error) {
	found := map[hub.SHA256]xet.Hash{}
	err := inBatches(shas, func(keys [][]byte) error {
		query, args, err := db.In("SELECT hash, sha256 FROM xet_file WHERE sha256 IN (?)", keys)
		if err != nil {
			return err
		}
		var rows []fileRow
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		for _, r := range rows {
			found[hub.SHA256(r.SHA256)] = xet.Hash(r.Hash)
		}
		return nil
	})
	return found, err
}

func insertFiles(ctx context.Context, tx *db.Tx, rows []fileRow, now int64) error {
	return insertRows(ctx, tx, "INSERT INTO xet_file (hash, size, sha256, terms, created_at) VALUES ", 5,
		" ON CONFLICT (hash) DO UPDATE SET sha256 = COALESCE(xet_file.sha256, excluded.sha256)",
		len(rows), func(i int) []any {
			r := &rows[i]
			var sha any
			if r.SHA256 != nil {
				sha = r.SHA256
			}
			return []any{r.Hash, r.Size, sha, nonNil(r.Terms), now}
		})
}

// nonNil keeps an empty list of terms from becoming NULL.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func insertRepoFiles(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, now int64) error {
	return insertRows(ctx, tx, "INSERT INTO xet_repo_file (repo_id, file, created_at) VALUES ", 3, " ON CONFLICT DO NOTHING",
		len(files), func(i int) []any { return []any{repoID, files[i][:], now} })
}

func insertRepoXorbs(ctx context.Context, tx *db.Tx, repoID string, xorbs []xet.Hash) error {
	return insertRows(ctx, tx, "INSERT INTO xet_repo_xorb (xorb, repo_id) VALUES ", 2, " ON CONFLICT DO NOTHING",
		len(xorbs), func(i int) []any { return []any{xorbs[i][:], repoID} })
}

func insertChunks(ctx context.Context, tx *db.Tx, chunks []chunkRow) error {
	return insertRows(ctx, tx, "INSERT INTO xet_chunk (chunk, xorb) VALUES ", 2, " ON CONFLICT DO NOTHING",
		len(chunks), func(i int) []any { return []any{chunks[i].chunk[:], chunks[i].xorb[:]} })
}

// chunkRow says that a xorb is worth naming to who asks for a chunk: it holds the chunk, or follows one that does.
type chunkRow struct{ chunk, xorb xet.Hash }

// selectChunk returns xorbs that the chunk leads to and the scope knows.
func selectChunk(ctx context.Context, q db.Queryer, sc Scope, chunk xet.Hash, limit int) ([]xet.Hash, error) {
	test, args := sc.visibleTest("c.xorb")
	query := "SELECT c.xorb FROM xet_chunk c WHERE c.chunk = ? AND " + test + " ORDER BY c.xorb LIMIT ?"
	query, args, err := db.In(query, append(append([]any{chunk[:]}, args...), limit)...)
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
