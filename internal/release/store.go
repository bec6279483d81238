package release

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	selectNoted    = "SELECT file, noted_at FROM release_candidate WHERE repo_id = ?"
	selectDue      = "SELECT COUNT(*) FROM (SELECT 1 FROM release_candidate WHERE repo_id = ? AND noted_at <= ? LIMIT 1) due"
	fragInsertNote = "INSERT INTO release_candidate (repo_id, file, noted_at) VALUES "
	deleteNoted    = "DELETE FROM release_candidate WHERE repo_id = ? AND file IN (?)"
	countNoted     = "SELECT COUNT(*) FROM release_candidate WHERE repo_id = ? AND file IN (?)"
	deleteNotedAll = "DELETE FROM release_candidate WHERE repo_id = ?"
	selectScan     = "SELECT state FROM release_scan WHERE repo_id = ?"
	upsertScan     = "INSERT INTO release_scan (repo_id, state) VALUES (?, ?) ON CONFLICT (repo_id) DO UPDATE SET state = excluded.state"
	selectScanned  = "SELECT repo_id FROM release_scan WHERE repo_id > ? ORDER BY repo_id LIMIT ?"
	deleteScan     = "DELETE FROM release_scan WHERE repo_id = ?"
)

func getNoted(ctx context.Context, q db.Queryer, repoID string) (map[xet.Hash]time.Time, error) {
	var rows []struct {
		File    []byte
		NotedAt int64 `db:"noted_at"`
	}
	err := q.Select(ctx, &rows, selectNoted, repoID)
	noted := make(map[xet.Hash]time.Time, len(rows))
	for _, r := range rows {
		noted[xet.Hash(r.File)] = time.UnixMicro(r.NotedAt).UTC()
	}
	return noted, err
}

func insertNotes(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash, now time.Time) error {
	for some := range slices.Chunk(files, rowsAtOnce) {
		args := make([]any, 0, 3*len(some))
		for i := range some {
			args = append(args, repoID, some[i][:], now.UnixMicro())
		}
		query := fragInsertNote + strings.Repeat("(?, ?, ?), ", len(some)-1) + "(?, ?, ?) ON CONFLICT DO NOTHING"
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// deleteNotes tells how many there were.
func deleteNotes(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) (n int64, err error) {
	for some := range slices.Chunk(files, rowsAtOnce) {
		query, args, err := db.In(deleteNoted, repoID, keys(some))
		if err != nil {
			return n, err
		}
		gone, err := tx.Exec(ctx, query, args...)
		if n += gone; err != nil {
			return n, err
		}
	}
	return n, nil
}

func hasNotes(ctx context.Context, q db.Queryer, repoID string, files []xet.Hash) (bool, error) {
	for some := range slices.Chunk(files, rowsAtOnce) {
		query, args, err := db.In(countNoted, repoID, keys(some))
		if err != nil {
			return false, err
		}
		var n int64
		if err := q.Get(ctx, &n, query, args...); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// rowsAtOnce bounds the parameters of one statement.
const rowsAtOnce = 500

func keys(files []xet.Hash) [][]byte {
	out := make([][]byte, len(files))
	for i := range files {
		out[i] = files[i][:]
	}
	return out
}

func hasDue(ctx context.Context, q db.Queryer, repoID string, before time.Time) (bool, error) {
	var n int64
	err := q.Get(ctx, &n, selectDue, repoID, before.UnixMicro())
	return n > 0, err
}

func getScan(ctx context.Context, q db.Queryer, repoID string) (state string, err error) {
	err = q.Get(ctx, &state, selectScan, repoID)
	if db.IsNoRows(err) {
		return "", nil
	}
	return state, err
}

// listScanned are the repositories that were looked through, by id.
func listScanned(ctx context.Context, q db.Queryer, after string, limit int) (ids []string, err error) {
	return ids, q.Select(ctx, &ids, selectScanned, after, limit)
}

func putScan(ctx context.Context, tx *db.Tx, repoID, state string) error {
	_, err := tx.Exec(ctx, upsertScan, repoID, state)
	return err
}
