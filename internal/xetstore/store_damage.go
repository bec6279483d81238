package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements about damaged xorbs.
const (
	selectAnyDamage = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM xet_xorb WHERE damaged_at IS NOT NULL LIMIT 1) AS found"
	countDamaged    = `SELECT COUNT(*) FROM xet_xorb x WHERE x.damaged_at IS NOT NULL AND x.lost_at IS NULL
		AND EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = x.hash)`
	selectDamagedOf = "SELECT hash, damaged_at, lost_at FROM xet_xorb WHERE damaged_at IS NOT NULL AND hash IN (?)"
	selectDamaged   = "SELECT hash, damaged_at, lost_at FROM xet_xorb WHERE damaged_at IS NOT NULL AND hash > ? ORDER BY hash LIMIT ?"
	updateDamaged   = "UPDATE xet_xorb SET damaged_at = ? WHERE hash = ? AND damaged_at IS NULL"
	updateSound     = "UPDATE xet_xorb SET damaged_at = NULL, lost_at = NULL WHERE hash = ? AND damaged_at IS NOT NULL"
	updateLost      = "UPDATE xet_xorb SET lost_at = ? WHERE hash = ? AND damaged_at IS NOT NULL AND lost_at IS NULL"
	selectReposOf   = "SELECT repo_id FROM xet_repo_xorb WHERE xorb = ? ORDER BY repo_id"
	selectMade      = `SELECT m.file AS hash, m.created_at, m.terms, f.size, f.sha256,
		COALESCE(n.path, '') AS path, COALESCE(n.ref, '') AS ref, COALESCE(n.user_id, '') AS user_id
		FROM xet_repo_file m JOIN xet_file f ON f.hash = m.file
		LEFT JOIN xet_repo_name n ON n.repo_id = m.repo_id AND n.file = m.file
		WHERE m.repo_id = ? AND m.file > ? ORDER BY m.file LIMIT ?`
	selectRightsOf = "SELECT xorb FROM xet_repo_xorb WHERE repo_id = ? ORDER BY xorb"
	updateTerms    = "UPDATE xet_repo_file SET terms = ? WHERE repo_id = ? AND file = ?"
	updateWhole    = "UPDATE xet_xorb SET chunks = ?, raw_size = ?, body_size = ?, stored_size = ?, damaged_at = NULL, lost_at = NULL WHERE hash = ?"
)

// damageRow is a damaged xorb.
type damageRow struct {
	Hash      []byte
	DamagedAt int64  `db:"damaged_at"`
	LostAt    *int64 `db:"lost_at"`
}

// anyDamage reports whether the hub has damaged xorbs at all: nearly always that is the end of the question.
func anyDamage(ctx context.Context, q db.Queryer) (bool, error) {
	var n int
	err := q.Get(ctx, &n, selectAnyDamage)
	return n > 0, err
}

// damagedOf returns those of some xorbs that are damaged.
func damagedOf(ctx context.Context, q db.Queryer, xorbs []xet.Hash) (map[xet.Hash]damageRow, error) {
	found := map[xet.Hash]damageRow{}
	err := inBatches(xorbs, func(keys [][]byte) error {
		query, args, err := db.In(selectDamagedOf, keys)
		if err != nil {
			return err
		}
		var rows []damageRow
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
