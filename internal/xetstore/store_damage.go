package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements about damaged xorbs.
const (
	selectAnyDamage = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM xet_xorb WHERE damaged_at IS NOT NULL LIMIT 1) AS found"
	selectDamagedOf = "SELECT hash, damaged_at, lost_at FROM xet_xorb WHERE damaged_at IS NOT NULL AND hash IN (?)"
	selectDamaged   = "SELECT hash, damaged_at, lost_at FROM xet_xorb WHERE damaged_at IS NOT NULL AND hash > ? ORDER BY hash LIMIT ?"
	updateDamaged   = "UPDATE xet_xorb SET damaged_at = ? WHERE hash = ? AND damaged_at IS NULL"
	updateSound     = "UPDATE xet_xorb SET damaged_at = NULL, lost_at = NULL WHERE hash = ? AND damaged_at IS NOT NULL"
	updateTerms     = "UPDATE xet_repo_file SET terms = ? WHERE repo_id = ? AND file = ?"
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
