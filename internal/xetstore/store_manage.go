package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// Statements of managing a repository's files.
const (
	selectStored = `SELECT m.file AS hash, m.created_at, f.size, f.sha256,
		COALESCE(n.path, '') AS path, COALESCE(n.ref, '') AS ref, COALESCE(n.user_id, '') AS user_id
		FROM xet_repo_file m JOIN xet_file f ON f.hash = m.file
		LEFT JOIN xet_repo_name n ON n.repo_id = m.repo_id AND n.file = m.file
		WHERE m.repo_id = ? AND (m.created_at, m.file) < (?, ?)
		ORDER BY m.created_at DESC, m.file DESC LIMIT ?`

	selectLargest = `SELECT m.file AS hash, m.created_at, f.size, f.sha256,
		COALESCE(n.path, '') AS path, COALESCE(n.ref, '') AS ref, COALESCE(n.user_id, '') AS user_id
		FROM xet_repo_file m JOIN xet_file f ON f.hash = m.file
		LEFT JOIN xet_repo_name n ON n.repo_id = m.repo_id AND n.file = m.file
		WHERE m.repo_id = ? AND (f.size < ? OR f.size = ? AND m.file > ?)
		ORDER BY f.size DESC, m.file LIMIT ?`
	selectFileSum = `SELECT CAST(COALESCE(SUM(f.size), 0) AS BIGINT) FROM xet_file f WHERE f.hash IN
		(SELECT m.file FROM xet_repo_file m JOIN repo r ON r.id = m.repo_id WHERE r.owner_id = ?)`
	selectXorbSum = `SELECT CAST(COALESCE(SUM(x.raw_size), 0) AS BIGINT) FROM xet_xorb x WHERE x.hash IN
		(SELECT m.xorb FROM xet_repo_xorb m JOIN repo r ON r.id = m.repo_id WHERE r.owner_id = ?)`

	selectHadFiles   = "SELECT file FROM xet_repo_file WHERE repo_id = ? AND file IN (?)"
	selectRepoBySHA  = "SELECT f.hash, f.size, f.sha256 FROM xet_file f JOIN xet_repo_file m ON m.file = f.hash AND m.repo_id = ? WHERE f.sha256 IN (?)"
	selectRepoByHash = "SELECT f.hash, f.size, f.sha256 FROM xet_file f JOIN xet_repo_file m ON m.file = f.hash AND m.repo_id = ? WHERE f.hash IN (?)"
	selectGoneOf     = "SELECT sha256 FROM xet_repo_gone WHERE repo_id = ? AND sha256 IN (?)"
	selectAllTerms   = "SELECT terms FROM xet_repo_file WHERE repo_id = ?"

	deleteTheFiles  = "DELETE FROM xet_repo_file WHERE repo_id = ? AND file IN (?)"
	deleteTheNames  = "DELETE FROM xet_repo_name WHERE repo_id = ? AND file IN (?)"
	deleteTheXorbs  = "DELETE FROM xet_repo_xorb WHERE repo_id = ? AND xorb IN (?)"
	deleteRepoNames = "DELETE FROM xet_repo_name WHERE repo_id = ?"
	deleteRepoGone  = "DELETE FROM xet_repo_gone WHERE repo_id = ?"
	copyRepoNames   = "INSERT INTO xet_repo_name (repo_id, file, path, ref, user_id) SELECT ?, file, path, ref, user_id FROM xet_repo_name WHERE repo_id = ? AND file IN (?) ON CONFLICT DO NOTHING"
	copyRepoGone    = "INSERT INTO xet_repo_gone (repo_id, sha256, deleted_at) SELECT ?, sha256, deleted_at FROM xet_repo_gone WHERE repo_id = ? AND sha256 IN (?) ON CONFLICT DO NOTHING"

	fragInsertNames = "INSERT INTO xet_repo_name (repo_id, file, path, ref, user_id) VALUES "
	fragInsertGone  = "INSERT INTO xet_repo_gone (repo_id, sha256, deleted_at) VALUES "
)

// storedRow is a file of a repository with what is known of it there.
type storedRow struct {
	fileRow
	CreatedAt int64 `db:"created_at"`
	Path      string
	Ref       string
	UserID    string `db:"user_id"`
}

// selectIn runs a query on a repository and a list of hashes, in batches.
func selectIn[H ~[32]byte, R any](ctx context.Context, q db.Queryer, statement, repoID string, hashes []H) (all []R, err error) {
	err = inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In(statement, repoID, keys)
		if err != nil {
			return err
		}
		var rows []R
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return err
		}
		all = append(all, rows...)
		return nil
	})
	return all, err
}

// execRepo is selectIn for statements without rows.
func execRepo[H ~[32]byte](ctx context.Context, tx *db.Tx, statement, repoID string, hashes []H) error {
	return inBatches(hashes, func(keys [][]byte) error {
		query, args, err := db.In(statement, repoID, keys)
		if err == nil {
			_, err = tx.Exec(ctx, query, args...)
		}
		return err
	})
}

func selectHad(ctx context.Context, q db.Queryer, repoID string, files []xet.Hash) (map[xet.Hash]bool, error) {
	rows, err := selectIn[xet.Hash, []byte](ctx, q, selectHadFiles, repoID, files)
	had := make(map[xet.Hash]bool, len(rows))
	for _, r := range rows {
		had[xet.Hash(r)] = true
	}
	return had, err
}

// selectByID finds a repository's files by their SHA-256 or their Xet hash.
func selectByID(ctx context.Context, q db.Queryer, repoID string, ids []hub.SHA256) ([]fileRow, error) {
	rows, err := selectIn[hub.SHA256, fileRow](ctx, q, selectRepoBySHA, repoID, ids)
	if err != nil {
		return nil, err
	}
	hashes := make([]xet.Hash, len(ids))
	for i := range ids {
		hashes[i] = xet.HashFromSHA256(ids[i]) // reads the hex as that of a Xet hash
	}
	byHash, err := selectIn[xet.Hash, fileRow](ctx, q, selectRepoByHash, repoID, hashes)
	return append(rows, byHash...), err
}

func selectGone(ctx context.Context, q db.Queryer, repoID string, shas []hub.SHA256) (map[hub.SHA256]bool, error) {
	rows, err := selectIn[hub.SHA256, []byte](ctx, q, selectGoneOf, repoID, shas)
	gone := make(map[hub.SHA256]bool, len(rows))
	for _, r := range rows {
		gone[hub.SHA256(r)] = true
	}
	return gone, err
}

func unlinkFiles(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) error {
	if err := execRepo(ctx, tx, deleteTheNames, repoID, files); err != nil {
		return err
	}
	return execRepo(ctx, tx, deleteTheFiles, repoID, files)
}

func unlinkXorbs(ctx context.Context, tx *db.Tx, repoID string, xorbs []xet.Hash) error {
	return execRepo(ctx, tx, deleteTheXorbs, repoID, xorbs)
}

func insertNames(ctx context.Context, tx *db.Tx, repoID, ref, userID string, files []Named) error {
	return insertRows(ctx, tx, fragInsertNames, 5, " ON CONFLICT DO NOTHING",
		len(files), func(i int) []any { return []any{repoID, files[i].Hash[:], files[i].Path, ref, userID} })
}

func insertGone(ctx context.Context, tx *db.Tx, repoID string, shas []hub.SHA256, now int64) error {
	return insertRows(ctx, tx, fragInsertGone, 3, " ON CONFLICT DO NOTHING",
		len(shas), func(i int) []any { return []any{repoID, shas[i][:], now} })
}
