package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsNoRows reports that Get found nothing.
func IsNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// IsUnique reports that a statement would have broken a primary key or a unique index.
func IsUnique(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return true
	}
	return postgresCode(err) == "23505"
}

const readOnly = "25006" // PostgreSQL: the server takes no writes

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// classify turns failures of the database itself into errors that a transport can render: try later, or disk full.
// Everything else, errors of f included, passes through.
func classify(ctx context.Context, err error) error {
	var known *errs.Error
	switch {
	case err == nil, errors.As(err, &known), IsNoRows(err):
		return err
	case ctx.Err() != nil:
		if errors.Is(err, ctx.Err()) {
			return err
		}
		return errors.Join(ctx.Err(), err)
	case isDamaged(err):
		return &errs.Error{Kind: errs.Unavailable, Msg: "The server's database is damaged: its disk gives back other bytes than were written. Its operator finds out more by cairn fsck", Op: "db", Err: err}
	case isFull(err):
		return &errs.Error{Kind: errs.StorageFull, Msg: "The server's database has no space left", Op: "db", Err: err}
	case isUnavailable(err):
		return &errs.Error{Kind: errs.Unavailable, Msg: "The server's database is busy or not reachable, try again", Op: "db", Err: err}
	}
	return err
}

func isFull(err error) bool {
	return sqliteCode(err)&0xff == sqlite3.SQLITE_FULL || postgresCode(err) == "53100"
}

func isUnavailable(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return true
	}
	switch postgresCode(err) {
	case "57014", "55P03", readOnly: // statement timeout, lock timeout, after a failover
		return true
	}
	return isConflict(err) || isLost(err) || errors.Is(err, errWriterBusy) || errors.Is(err, errSilent) || errors.Is(err, errWriterSuspect) || isRefused(err)
}

// isRefused: the disk failed to take a write or to keep it.
func isRefused(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE:
		return true
	}
	return false
}

// isConflict: PostgreSQL gave up a transaction for the sake of another; it will do when run again.
func isConflict(err error) bool {
	code := postgresCode(err)
	return code == "40001" || code == "40P01"
}

// isLost: the connection to PostgreSQL is gone, or could not be made.
func isLost(err error) bool {
	switch code := postgresCode(err); {
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"), code == "53300":
		return true
	case code != "":
		return false
	}
	var refused *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &refused) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || err != nil && strings.Contains(err.Error(), "conn closed")
}
