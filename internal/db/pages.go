package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cairnhub/cairn/internal/db/pagesum"
	sqlite3 "modernc.org/sqlite/lib"
)

// Checksums says whether a page that the disk gives back wrong is noticed when it is read, and if not, what to do.
func (d *DB) Checksums(ctx context.Context) (on bool, advice string, err error) {
	if d.dialect == Postgres {
		var setting string
		err := d.Get(ctx, &setting, postgresChecksums)
		return setting == "on", "stop PostgreSQL, run pg_checksums --enable on its data folder, and start it", err
	}
	sums, err := sqliteSums(ctx, d.engine.(*sqliteEngine).pool.DB)
	return sums == pagesum.On, "stop all cairn processes of this database and run cairn serve: it writes the database anew with checksums", classify(ctx, err)
}

// The database as pages; see "The SQLITE_DBPAGE Virtual Table" in SQLite's documentation. What stands in the log is read from there.
const (
	sqliteReadPage  = `SELECT data FROM sqlite_dbpage WHERE pgno = ?`
	sqliteCheckPage = `SELECT LENGTH(data) FROM sqlite_dbpage WHERE pgno = ?`
	sqlitePageCount = `PRAGMA page_count`
)

func sqliteSums(ctx context.Context, pool *sql.DB) (pagesum.Sums, error) {
	var first []byte
	err := pool.QueryRowContext(ctx, sqliteReadPage, 1).Scan(&first)
	if errors.Is(err, sql.ErrNoRows) {
		return pagesum.Unknown, nil
	}
	return pagesum.Of(first), err
}

// pagesAtOnce is how many pages CheckPages reads in one transaction: checkpoints wait for its end.
const pagesAtOnce = 512

// CheckPages reads all pages of a SQLite database and counts those that fail their checksum. Others may read and write meanwhile. Of
// PostgreSQL, which has its own tools (pg_checksums, pg_amcheck), it says 0.
func (d *DB) CheckPages(ctx context.Context) (bad int, err error) {
	e, ok := d.engine.(*sqliteEngine)
	if !ok {
		return 0, nil
	}
	pool := sql.OpenDB(dsnConnector(sqliteDSN(e.path, "busy_timeout(10000)", "query_only(1)", "cache_size(0)")))
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err == nil {
		defer func() { _ = conn.Close() }()
		bad, err = checkPages(ctx, conn)
	}
	if isDamaged(err) { // what tells how many pages there are is itself damaged
		return max(bad, 1), nil
	}
	return bad, classify(ctx, err)
}

func checkPages(ctx context.Context, conn *sql.Conn) (bad int, err error) {
	for from := 1; ; from += pagesAtOnce {
		n, more, err := checkSome(ctx, conn, from)
		bad += n
		if err != nil || !more {
			return bad, err
		}
	}
}

// checkSome checks pages from a number on as of one instant.
func checkSome(ctx context.Context, conn *sql.Conn, from int) (bad int, more bool, err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = tx.Rollback() }()
	var count, length int
	if err := tx.QueryRowContext(ctx, sqlitePageCount).Scan(&count); err != nil {
		return 0, false, err
	}
	for page := from; page < from+pagesAtOnce && page <= count; page++ {
		err := tx.QueryRowContext(ctx, sqliteCheckPage, page).Scan(&length)
		switch {
		case isDamaged(err):
			bad++
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return bad, false, fmt.Errorf("read page %d: %w", page, err)
		}
	}
	return bad, from+pagesAtOnce <= count, nil
}

// isDamaged: the database's bytes are not what was written.
func isDamaged(err error) bool {
	switch code := sqliteCode(err); {
	case code == sqlite3.SQLITE_IOERR_DATA, code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB:
		return true
	}
	switch postgresCode(err) {
	case "XX001", "XX002": // data corrupted, index corrupted
		return true
	}
	return false
}
