package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements of the collector of xorbs.
const (
	// A page of the xorbs that were not touched for long, those first that were touched first.
	selectOldXorbs = "SELECT hash, touched_at, stored_size FROM xet_xorb WHERE touched_at < ? AND (touched_at, hash) > (?, ?) ORDER BY touched_at, hash LIMIT ?"

	// Those of some xorbs that no repository is made of and that no unfinished upload counts on.
	selectUnused = `SELECT x.hash, x.touched_at, x.stored_size FROM xet_xorb x WHERE x.hash IN (?) AND x.touched_at < ?
		AND NOT EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = x.hash)
		AND NOT EXISTS (SELECT 1 FROM xet_part_xorb p WHERE p.xorb = x.hash) ORDER BY x.hash`

	noteLoose         = "INSERT INTO xet_repo_loose (repo_id, noted_at) VALUES (?, ?) ON CONFLICT (repo_id) DO UPDATE SET noted_at = excluded.noted_at"
	selectLoose       = "SELECT repo_id, noted_at FROM xet_repo_loose WHERE repo_id > ? ORDER BY repo_id LIMIT ?"
	deleteLoose       = "DELETE FROM xet_repo_loose WHERE repo_id = ? AND noted_at = ?"
	deleteRepoLoose   = "DELETE FROM xet_repo_loose WHERE repo_id = ?"
	selectRepoTouches = "SELECT x.hash, x.touched_at FROM xet_repo_xorb m JOIN xet_xorb x ON x.hash = m.xorb WHERE m.repo_id = ?"

	selectThin = `SELECT x.hash, x.touched_at, x.stored_size FROM xet_thin t JOIN xet_xorb x ON x.hash = t.xorb
		WHERE t.xorb > ? AND x.touched_at < ? AND x.damaged_at IS NULL
		AND EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = x.hash)
		AND NOT EXISTS (SELECT 1 FROM xet_part_xorb p WHERE p.xorb = x.hash) ORDER BY t.xorb LIMIT ?`
	selectThinRepos = "SELECT DISTINCT repo_id FROM xet_repo_xorb WHERE xorb IN (?) ORDER BY repo_id"
	selectFileTerms = "SELECT file, terms FROM xet_repo_file WHERE repo_id = ?"
	selectLeading   = "SELECT chunk FROM xet_chunk WHERE xorb = ?"
	deleteLeading   = "DELETE FROM xet_chunk WHERE xorb = ?"
	noteThinOf      = `INSERT INTO xet_thin (xorb, noted_at) SELECT m.xorb, CAST(? AS BIGINT) FROM xet_repo_xorb m WHERE m.repo_id = ?
		AND EXISTS (SELECT 1 FROM xet_repo_xorb o WHERE o.xorb = m.xorb AND o.repo_id <> m.repo_id) ON CONFLICT DO NOTHING`

	fragInsertThin = "INSERT INTO xet_thin (xorb, noted_at) VALUES "

	selectGraveSum  = "SELECT COUNT(*) AS xorbs, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM xet_grave WHERE NOT freed"
	selectPending   = "SELECT CAST(COALESCE(SUM(pending), 0) AS BIGINT) FROM xet_xorb_upload WHERE user_id = ? AND pending > 0"
	updatePending   = "UPDATE xet_xorb_upload SET pending = 0 WHERE pending > 0 AND xorb IN (?)"
	selectUnusedSum = `SELECT COUNT(*) AS xorbs, CAST(COALESCE(SUM(x.stored_size), 0) AS BIGINT) AS bytes, CAST(COALESCE(MIN(x.touched_at), 0) AS BIGINT) AS oldest FROM xet_xorb x
		WHERE NOT EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = x.hash)
		AND NOT EXISTS (SELECT 1 FROM xet_part_xorb p WHERE p.xorb = x.hash)`
)

// oldXorb is a row of xet_xorb as the collector looks at it.
type oldXorb struct {
	Hash       []byte
	TouchedAt  int64 `db:"touched_at"`
	StoredSize int64 `db:"stored_size"`
}

func keysOf(list []oldXorb) [][]byte {
	keys := make([][]byte, len(list))
	for i := range list {
		keys[i] = list[i].Hash
	}
	return keys
}

// selectUnusedOf returns those of some xorbs that nothing needs and that were not touched since a time.
func selectUnusedOf(ctx context.Context, q db.Queryer, list []oldXorb, before int64) (unused []oldXorb, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	query, args, err := db.In(selectUnused, keysOf(list), before)
	if err == nil {
		err = q.Select(ctx, &unused, query, args...)
	}
	return unused, err
}

// insertThin notes xorbs of which fewer files are made than were.
func insertThin(ctx context.Context, tx *db.Tx, xorbs []xet.Hash, now int64) error {
	return insertRows(ctx, tx, fragInsertThin, 2, " ON CONFLICT DO NOTHING",
		len(xorbs), func(i int) []any { return []any{xorbs[i][:], now} })
}

// replaceTerms changes what files of a repository are made of; it has all of them.
func replaceTerms(ctx context.Context, tx *db.Tx, repoID string, rows []fileRow, now int64) error {
	return insertRows(ctx, tx, fragInsertRepoFiles, 4, " ON CONFLICT (repo_id, file) DO UPDATE SET terms = excluded.terms",
		len(rows), func(i int) []any { return []any{repoID, rows[i].Hash, now, nonNil(rows[i].terms)} })
}
