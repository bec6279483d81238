package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements about abandoned uploads and the removal of their xorbs.
const (
	selectAbandoned   = "SELECT upload FROM xet_part GROUP BY upload HAVING MAX(created_at) < ? ORDER BY MAX(created_at), upload LIMIT ?"
	selectLastPart    = "SELECT CAST(COALESCE(MAX(created_at), 0) AS BIGINT) FROM xet_part WHERE upload = ?"
	selectUploadXorbs = "SELECT xorb FROM xet_part_xorb WHERE upload = ? ORDER BY xorb"

	// What nobody has a right to, nobody was told of, nobody touched since and no other upload in parts counts on.
	selectUnclaimed = `SELECT x.hash, x.touched_at, x.stored_size FROM xet_xorb x WHERE x.hash IN (?) AND x.touched_at <= ?
		AND NOT EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = x.hash)
		AND NOT EXISTS (SELECT 1 FROM xet_chunk c WHERE c.xorb = x.hash)
		AND NOT EXISTS (SELECT 1 FROM xet_part_xorb p WHERE p.xorb = x.hash)`
	deleteXorbs = "DELETE FROM xet_xorb WHERE hash IN (?)"

	selectOpenGraves = "SELECT xorb FROM xet_grave WHERE until_at >= ? AND xorb IN (?)"
	selectGraves     = "SELECT xorb FROM xet_grave WHERE NOT freed AND until_at < ? ORDER BY until_at LIMIT ?"
	selectGraveSizes = "SELECT xorb AS hash, size AS stored_size FROM xet_grave WHERE NOT freed AND xorb IN (?)"
	selectOpened     = "SELECT xorb FROM xet_grave WHERE NOT freed AND xorb IN (?)"
	updateGraves     = "UPDATE xet_grave SET until_at = ? WHERE NOT freed AND xorb IN (?) AND NOT EXISTS (SELECT 1 FROM xet_xorb x WHERE x.hash = xet_grave.xorb)"
	deleteLost       = "DELETE FROM xet_grave WHERE NOT freed AND xorb IN (?) AND EXISTS (SELECT 1 FROM xet_xorb x WHERE x.hash = xet_grave.xorb)"
	closeGraves      = "UPDATE xet_grave SET freed = TRUE, until_at = ? WHERE xorb IN (?)"
	deleteOldGraves  = "DELETE FROM xet_grave WHERE freed AND until_at < ?"

	deleteThin = "DELETE FROM xet_thin WHERE xorb IN (?)"

	fragInsertGraves = "INSERT INTO xet_grave (xorb, size, until_at) VALUES "
)

func insertGraves(ctx context.Context, tx *db.Tx, xorbs []oldXorb, until int64) error {
	return insertRows(ctx, tx, fragInsertGraves, 3, " ON CONFLICT (xorb) DO UPDATE SET until_at = excluded.until_at, size = excluded.size, freed = FALSE",
		len(xorbs), func(i int) []any { return []any{xorbs[i].Hash, xorbs[i].StoredSize, until} })
}

// checkGraves refuses xorbs whose blob may have been stored at a time, given in microseconds, when one with the same name
// was being removed.
func checkGraves(ctx context.Context, tx *db.Tx, rows []xorbRow, since int64) error {
	hashes := make([]xet.Hash, len(rows))
	for i := range rows {
		hashes[i] = xet.Hash(rows[i].Hash)
	}
	return inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In(selectOpenGraves, since, keys)
		if err != nil {
			return err
		}
		var open [][]byte
		if err := tx.Select(ctx, &open, query, args...); err != nil {
			return err
		}
		if len(open) > 0 {
			return collected()
		}
		return nil
	})
}
