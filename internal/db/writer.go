package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// How long a transaction waits for its turn within this process, and for other processes.
const (
	writerPatience = 30 * time.Second
	busyPatience   = 10 * time.Second
	busySlice      = 500 // milliseconds that SQLite itself waits: short, so that a caller who left is noticed
)

var (
	errWriterBusy    = errors.New("the database's writer is busy")
	errWriterSuspect = errors.New("the disk refused a write of the database, and its log cannot be moved into the file yet")
)

// writer is the one connection of this process that writes. Transactions take turns on it.
//
// Its statements run without the caller's cancellation: interrupting a write makes SQLite roll the transaction back
// behind our back. A Tx looks at the context between statements instead, and writes are short.
type writer struct {
	pool *sql.DB
	turn chan struct{}

	// held by whoever has the turn
	conn *sql.Conn
	kept *statements

	// suspect: the disk has refused a write. What the system's cache holds of the log since may never reach the disk, and a later fsync
	// need not say so.
	suspect bool
}

func newWriter(path string) *writer {
	w := &writer{turn: make(chan struct{}, 1)}
	w.pool = sql.OpenDB(dsnConnector(newFileDSN(path, "busy_timeout("+strconv.Itoa(busySlice)+")", "journal_size_limit(67108864)", "secure_delete(1)")))
	w.pool.SetMaxOpenConns(1)
	return w
}

// dsnConnector opens connections by a DSN, without looking the driver up by name.
type dsnConnector string

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open(string(c))
}

func (c dsnConnector) Driver() driver.Driver { return &sqlite.Driver{} }

const sqliteVersion = "SELECT sqlite_version()"

// prepareFile checks the library's version and puts the file into WAL mode.
func (w *writer) prepareFile(ctx context.Context) error {
	var version, mode string
	if err := w.pool.QueryRowContext(ctx, sqliteVersion).Scan(&version); err != nil {
		return err
	}
	if !versionAtLeast(version, minSQLite) {
		return fmt.Errorf("SQLite %s is linked, but versions before %s can corrupt a database", version, minSQLite)
	}
	err := retryBusy(ctx, func() error {
		return w.pool.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
	})
	if err == nil && mode != "wal" {
		err = fmt.Errorf("the file system does not support write-ahead logging (journal mode %s)", mode)
	}
	if err != nil {
		return err
	}
	return w.foldOldLog(ctx)
}

// foldOldLog moves what a process left in the log into the file. If that process died after a failed fsync, the system's cache may hold
// commits that the disk does not, and commits added behind them would be lost with them. Other processes that read need no such care: they
// are alive, so the log is not one that was left.
func (w *writer) foldOldLog(ctx context.Context) error {
	var busy, pages, moved int
	err := w.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	if sqliteCode(err)&0xff == sqlite3.SQLITE_BUSY || isFull(err) {
		return nil
	}
	return err
}

func versionAtLeast(version, least string) bool {
	have, want := strings.Split(version, "."), strings.Split(least, ".")
	for i := range want {
		var h, l int
		if i < len(have) {
			h, _ = strconv.Atoi(have[i])
		}
		l, _ = strconv.Atoi(want[i])
		if h != l {
			return h > l
		}
	}
	return true
}

// retryBusy repeats f while another process holds the lock.
func retryBusy(ctx context.Context, f func() error) error {
	end := time.Now().Add(busyPatience)
	for {
		err := f()
		if err == nil || sqliteCode(err)&0xff != sqlite3.SQLITE_BUSY || time.Now().After(end) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// begin waits for the turn and takes SQLite's write lock.
func (w *writer) begin(ctx context.Context) error {
	if err := w.acquire(ctx); err != nil {
		return err
	}
	err := w.connect()
	if err == nil && w.suspect {
		err = w.recover(ctx)
	}
	if err == nil {
		err = retryBusy(ctx, func() error { return w.command("BEGIN IMMEDIATE") })
	}
	if err != nil {
		if sqliteCode(err)&0xff != sqlite3.SQLITE_BUSY && ctx.Err() == nil {
			w.disconnect()
		}
		w.release()
	}
	return err
}

func (w *writer) acquire(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(writerPatience)
	defer timer.Stop()
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errWriterBusy
	}
}

func (w *writer) release() { <-w.turn }

func (w *writer) commit() error { return w.command("COMMIT") }

// rollback ends a failed transaction and the turn. SQLite may have rolled back by itself, which is no error here; a
// connection in any other state is thrown away.
func (w *writer) rollback() {
	if err := w.command("ROLLBACK"); err != nil {
		w.disconnect()
	}
	w.release()
}

func (w *writer) connect() error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.pool.Conn(context.Background())
	if err != nil {
		return err
	}
	w.conn, w.kept = conn, newStatements(conn)
	return nil
}

func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	w.kept.close()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // not back into the pool
	_ = w.conn.Close()
	w.conn, w.kept = nil, nil
}

// recover makes the log trustworthy after a failed write: what was committed before is moved into the file, which is synced, and the log
// begins anew. Until that succeeds nothing is written.
func (w *writer) recover(ctx context.Context) error {
	busy, err := w.checkpoint(ctx)
	if err == nil && busy {
		err = errWriterSuspect
	}
	w.suspect = err != nil
	return err
}

// doubt notes an error that says that the disk refused a write.
func (w *writer) doubt(err error) { w.suspect = w.suspect || isRefused(err) }

// settle moves the write-ahead log into the file and truncates it, unless somebody still reads an older state.
func (w *writer) settle(ctx context.Context) error {
	if err := w.acquire(ctx); err != nil {
		return err
	}
	defer w.release()
	if err := w.connect(); err != nil {
		return err
	}
	_, err := w.checkpoint(ctx)
	return err
}

// checkpoint says busy when others still read from the log, so that it could not begin anew.
func (w *writer) checkpoint(ctx context.Context) (busy bool, err error) {
	var pages, moved int
	err = w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	if err == nil && pages > moved {
		busy = true
	}
	return busy, err
}

func (w *writer) close() error {
	w.turn <- struct{}{} // let the transaction under way finish
	defer w.release()
	w.disconnect()
	return w.pool.Close()
}

func (w *writer) command(query string) error {
	_, err := w.kept.exec(context.Background(), query, nil)
	return err
}

func (w *writer) get(ctx context.Context, dst any, query string, args []any) error {
	return w.kept.get(context.WithoutCancel(ctx), dst, query, args)
}

func (w *writer) list(ctx context.Context, dst any, query string, args []any) error {
	return w.kept.list(context.WithoutCancel(ctx), dst, query, args)
}

func (w *writer) exec(ctx context.Context, query string, args []any) (int64, error) {
	return w.kept.exec(context.WithoutCancel(ctx), query, args)
}

// rows are not read through a kept statement: the caller may run the same text again while they are open.
func (w *writer) rows(ctx context.Context, query string, args []any) (*sqlx.Rows, error) {
	rows, err := w.conn.QueryContext(context.WithoutCancel(ctx), query, args...)
	if err != nil {
		return nil, err
	}
	return &sqlx.Rows{Rows: rows, Mapper: mapper}, nil
}
