package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/db/pagesum"
	"github.com/jmoiron/sqlx"
)

// minSQLite is the first version without the WAL-reset bug, which could corrupt a database that several connections
// checkpoint.
const minSQLite = "3.51.3"

// sqliteEngine is one file in WAL mode: a pool of read-only connections, one writer, and one connection that watches
// for commits of other processes.
type sqliteEngine struct {
	path    string
	pool    *sqlx.DB
	readers *sqliteReaders
	writer  *writer
	counter atomic.Uint64
	shared  atomic.Bool
	stop    context.CancelFunc
	stopped chan struct{}
}

func openSQLite(ctx context.Context, path string) (*sqliteEngine, error) {
	if err := pagesum.Register(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	unlock, err := lockFile(ctx, path+".open") // against AddChecksums, which gives the path another file
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	defer unlock()
	if err := createFile(path); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	e := &sqliteEngine{path: path, stopped: make(chan struct{})}
	e.writer = newWriter(path)
	if err := e.writer.prepareFile(ctx); err != nil {
		_ = e.writer.close()
		return nil, classify(ctx, fmt.Errorf("open the database %s: %w", path, err))
	}
	pool := sqlx.NewDb(sql.OpenDB(dsnConnector(readerDSN(path))), "sqlite")
	limit := max(8, 2*runtime.NumCPU())
	pool.SetMaxOpenConns(limit)
	pool.SetMaxIdleConns(limit)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	e.pool, e.readers = pool, &sqliteReaders{newStatements(pool.DB), pool}
	watch, stop := context.WithCancel(context.Background())
	e.stop = stop
	go e.watch(watch) //nolint:gosec // it lives as long as the engine, not as the call that opened it
	return e, nil
}

// createFile makes the file, readable by its owner only since it holds password hashes. It opens none that is there: closing it would end
// the locks that SQLite has on it in this process.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncFolder(filepath.Dir(path)))
}

func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"vfs": {pagesum.Name}, "_dqs": {"0"}, "_pragma": append([]string{
		"foreign_keys(1)", "synchronous(FULL)", "temp_store(MEMORY)", "mmap_size(0)", "cache_size(-8000)",
	}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// newFileDSN asks for room for checksums where the file's pages are still to be made.
func newFileDSN(path string, pragmas ...string) string {
	return sqliteDSN(path, pragmas...) + "&" + pagesum.ReserveParameter + "=" + strconv.Itoa(pagesum.Reserved)
}

func readerDSN(path string) string { return sqliteDSN(path, "busy_timeout(10000)", "query_only(1)") }

func (e *sqliteEngine) reads() session { return e.readers }
func (e *sqliteEngine) share(on bool)  { e.shared.Store(on) }

func (e *sqliteEngine) changes() uint64 {
	if e.shared.Load() {
		return e.counter.Add(1)
	}
	return e.counter.Load()
}

func (e *sqliteEngine) settle(ctx context.Context) error { return e.writer.settle(ctx) }

func (e *sqliteEngine) close() error {
	e.stop()
	<-e.stopped
	e.readers.close()
	err := e.pool.Close()
	if werr := e.writer.close(); err == nil { // last, so that it folds the WAL into the file
		err = werr
	}
	return err
}

func (e *sqliteEngine) transact(ctx context.Context, f func(*Tx) error) error {
	if err := e.writer.begin(ctx); err != nil {
		return err
	}
	tx := &Tx{dialect: SQLite, session: e.writer}
	done := false
	defer func() {
		if !done { // f panicked, or the transaction failed
			e.writer.rollback()
		}
	}()
	if err := tx.body(ctx, f); err != nil {
		e.writer.doubt(tx.failed)
		return err
	}
	if err := e.writer.commit(); err != nil {
		e.writer.doubt(err)
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	e.counter.Add(1)
	e.writer.release()
	tx.committed()
	return nil
}

// watch moves the counter when another process has committed. PRAGMA data_version changes with commits by any other
// connection, so it also counts our own once more, which costs a cache miss and nothing else.
func (e *sqliteEngine) watch(ctx context.Context) {
	defer close(e.stopped)
	pool := sql.OpenDB(dsnConnector(readerDSN(e.path)))
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var last int64 = -1
	for {
		var version int64
		if err := pool.QueryRowContext(context.Background(), "PRAGMA data_version").Scan(&version); err != nil || version != last {
			e.counter.Add(1) // when in doubt, forget
		}
		last = version
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sqliteReaders runs reads on the pool with shared prepared statements.
type sqliteReaders struct {
	*statements
	pool *sqlx.DB
}

func (r *sqliteReaders) rows(ctx context.Context, query string, args []any) (*sqlx.Rows, error) {
	st, err := r.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer r.give(st) // database/sql keeps the statement alive until the rows are closed
	return st.QueryxContext(ctx, args...)
}
