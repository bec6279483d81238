package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements about parts.
const (
	selectUnfinished  = "SELECT CAST(COALESCE(SUM(stored), 0) AS BIGINT) AS stored, COUNT(*) AS parts FROM xet_part WHERE user_id = ?"
	selectParts       = "SELECT number, tag, size, chain FROM xet_part WHERE upload = ? ORDER BY number LIMIT ?"
	selectPartSum     = "SELECT chain, sum FROM xet_part WHERE upload = ? AND number = ? AND sum IS NOT NULL"
	selectPartTerms   = "SELECT terms FROM xet_part WHERE upload = ? AND number = ? AND tag = ?"
	updatePartSum     = "UPDATE xet_part SET chain = ?, sum = ? WHERE upload = ? AND number = ? AND tag = ?"
	deleteUpload      = "DELETE FROM xet_part WHERE upload = ?"
	deleteUploadXorbs = "DELETE FROM xet_part_xorb WHERE upload = ?"
	upsertPart        = `INSERT INTO xet_part (upload, number, user_id, tag, size, stored, terms, chain, sum, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (upload, number) DO UPDATE SET tag = excluded.tag, size = excluded.size, terms = excluded.terms, chain = excluded.chain, sum = excluded.sum,
		stored = xet_part.stored + excluded.stored, created_at = excluded.created_at`

	fragInsertPartXorbs = "INSERT INTO xet_part_xorb (upload, xorb) VALUES "
)

// partRow is what is known of a part without its terms. Chain is nil while nobody knows the sum up to it.
type partRow struct {
	Number int
	Tag    []byte
	Size   int64
	Chain  []byte
}

// partTerms reads what a part is made of.
func partTerms(ctx context.Context, q db.Queryer, upload string, p partRow) ([]xet.Segment, error) {
	var b []byte
	err := q.Get(ctx, &b, selectPartTerms, upload, p.Number, p.Tag)
	if db.IsNoRows(err) {
		return nil, errPartChanged()
	}
	if err != nil {
		return nil, err
	}
	return xet.DecodeTerms(b)
}

func insertPartXorbs(ctx context.Context, tx *db.Tx, upload string, xorbs []xet.Hash) error {
	return insertRows(ctx, tx, fragInsertPartXorbs, 2, " ON CONFLICT DO NOTHING",
		len(xorbs), func(i int) []any { return []any{upload, xorbs[i][:]} })
}
