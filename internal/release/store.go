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

// Statements about files that no commit names.
const (
	selectLost     = "SELECT file, noted_at FROM release_lost WHERE repo_id = ?"
	deleteLost     = "DELETE FROM release_lost WHERE repo_id = ? AND file IN (?)"
	countLost      = "SELECT COUNT(*) FROM release_lost WHERE repo_id = ? AND file IN (?)"
	deleteLostAll  = "DELETE FROM release_lost WHERE repo_id = ?"
	deleteLostScan = "DELETE FROM release_lost_scan WHERE repo_id = ?"
	fragInsertLost = "INSERT INTO release_lost (repo_id, file, noted_at) VALUES "
	upsertLostScan = `INSERT INTO release_lost_scan (repo_id, large, pack_seq, collect_epoch, look_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (repo_id) DO UPDATE SET large = excluded.large, pack_seq = excluded.pack_seq, collect_epoch = excluded.collect_epoch, look_at = excluded.look_at`

	// Repositories that have large files and are not what they were when they were looked at, or of which something is due.
	selectChanged = `SELECT q.repo_id, q.large, g.pack_seq, g.collect_epoch FROM quota_repo q JOIN git_repo g ON g.repo_id = q.repo_id
		LEFT JOIN release_lost_scan s ON s.repo_id = q.repo_id
		WHERE q.large > 0 AND q.repo_id > ? AND (s.repo_id IS NULL OR s.large <> q.large OR s.pack_seq <> g.pack_seq
		OR s.collect_epoch <> g.collect_epoch OR s.look_at <= ?) ORDER BY q.repo_id LIMIT ?`

	// The same with those of which something is noted.
	selectChangedOrNoted = `SELECT q.repo_id, q.large, g.pack_seq, g.collect_epoch FROM quota_repo q JOIN git_repo g ON g.repo_id = q.repo_id
		LEFT JOIN release_lost_scan s ON s.repo_id = q.repo_id
		WHERE q.large > 0 AND q.repo_id > ? AND (s.repo_id IS NULL OR s.large <> q.large OR s.pack_seq <> g.pack_seq
		OR s.collect_epoch <> g.collect_epoch OR s.look_at <= ? OR EXISTS (SELECT 1 FROM release_lost l WHERE l.repo_id = q.repo_id))
		ORDER BY q.repo_id LIMIT ?`
)

func getNoted(ctx context.Context, q db.Queryer, statement, repoID string) (map[xet.Hash]time.Time, error) {
	var rows []struct {
		File    []byte
		NotedAt int64 `db:"noted_at"`
	}
	err := q.Select(ctx, &rows, statement, repoID)
	noted := make(map[xet.Hash]time.Time, len(rows))
	for _, r := range rows {
		noted[xet.Hash(r.File)] = time.UnixMicro(r.NotedAt).UTC()
	}
	return noted, err
}

func insertNotes(ctx context.Context, tx *db.Tx, insert, repoID string, files []xet.Hash, now time.Time) error {
	for some := range slices.Chunk(files, rowsAtOnce) {
		args := make([]any, 0, 3*len(some))
		for i := range some {
			args = append(args, repoID, some[i][:], now.UnixMicro())
		}
		query := insert + strings.Repeat("(?, ?, ?), ", len(some)-1) + "(?, ?, ?) ON CONFLICT DO NOTHING"
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// deleteNotes tells how many there were.
func deleteNotes(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) (n int64, err error) {
	return deleteIn(ctx, tx, deleteNoted, repoID, files)
}

func deleteIn(ctx context.Context, tx *db.Tx, statement, repoID string, files []xet.Hash) (n int64, err error) {
	for some := range slices.Chunk(files, rowsAtOnce) {
		query, args, err := db.In(statement, repoID, keys(some))
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
	for _, statement := range []string{countNoted, countLost} {
		for some := range slices.Chunk(files, rowsAtOnce) {
			query, args, err := db.In(statement, repoID, keys(some))
			if err != nil {
				return false, err
			}
			var n int64
			if err := q.Get(ctx, &n, query, args...); err != nil || n > 0 {
				return n > 0, err
			}
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
