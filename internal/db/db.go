package db

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

// Dialect names the engine behind a DB, for the few statements that cannot be written once.
type Dialect string

// The engines.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Queryer runs statements: on *DB each by itself, on *Tx as parts of one transaction. Parameters are written as ?.
type Queryer interface {
	// Get scans exactly one row into dst, a pointer to a struct or to a scalar. No row: IsNoRows.
	Get(ctx context.Context, dst any, query string, args ...any) error
	// Select scans all rows into dst, a pointer to a slice. No row: an empty slice, no error.
	Select(ctx context.Context, dst any, query string, args ...any) error
	// Exec runs a statement and returns the number of rows that it changed.
	Exec(ctx context.Context, query string, args ...any) (rows int64, err error)
	// Query streams rows; the caller closes them. In a Tx they end with the transaction.
	Query(ctx context.Context, query string, args ...any) (*sqlx.Rows, error)
	Dialect() Dialect
	// Now is the hub's one clock: what rows say of time is of it.
	Now() time.Time
}

// session is what both engines offer below Queryer: statements on a pool of readers, or on one transaction.
type session interface {
	get(ctx context.Context, dst any, query string, args []any) error
	list(ctx context.Context, dst any, query string, args []any) error
	exec(ctx context.Context, query string, args []any) (int64, error)
	rows(ctx context.Context, query string, args []any) (*sqlx.Rows, error)
}

// engine is one database product.
type engine interface {
	reads() session
	transact(ctx context.Context, f func(*Tx) error) error
	changes() uint64
	share(on bool)
	settle(ctx context.Context) error
	snapshot(ctx context.Context, f func(session) error) error
	load(ctx context.Context, f func(loading) error) error
	migrate(ctx context.Context, files fs.FS, to int64) error
	close() error
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect    Dialect
	engine     engine
	statements *atomic.Uint64
	now        func() time.Time
}

// Open connects to "sqlite:/path/to/file.db" or "postgres://user:password@host/database". It changes no schema: call
// Migrate. A SQLite file and its folder are created when absent.
func Open(ctx context.Context, url string) (*DB, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		e, err := openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"))
		if err != nil {
			return nil, err
		}
		return newDB(SQLite, e), nil
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		e, err := openPostgres(ctx, url)
		if err != nil {
			return nil, err
		}
		return newDB(Postgres, e), nil
	}
	scheme, _, _ := strings.Cut(url, ":") // the rest may hold a password
	return nil, fmt.Errorf("database URL of scheme %q: it must start with sqlite: or postgres://", scheme)
}

func newDB(dialect Dialect, e engine) *DB { return &DB{dialect, e, new(atomic.Uint64), time.Now} }

// SetClock has the hub's clock be another one than the machine's, for who watches it or sets it in a test. It is called
// before anything else uses the database.
func (d *DB) SetClock(now func() time.Time) { d.now = now }

// Now is what the hub's clock says.
func (d *DB) Now() time.Time { return d.now() }

// Close ends all connections. Transactions under way finish first on SQLite and fail on PostgreSQL.
func (d *DB) Close() error { return d.engine.close() }

// Dialect says which engine this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Changes is a number that lets readers cache rows: take it, then read, and what was read holds for as long as Changes
// returns the same number.
//
// On SQLite it moves with every commit of this process, before Tx returns, and within about 250 ms of a commit by
// another process. On PostgreSQL, where any node may write, it never returns a number twice, so nothing is cached.
func (d *DB) Changes() uint64 { return d.engine.changes() }

// Share says that another process of the hub serves beside this one, whose commits must show at once: while it does,
// Changes never returns a number twice.
func (d *DB) Share(on bool) { d.engine.share(on) }

// Settle has what was deleted gone from the disk where the engine lets it be asked to. On SQLite deleted bytes are
// overwritten with zeros, and this empties the write-ahead log, in which they may still be; PostgreSQL's vacuum does its
// own. It does what it can while others read and write.
func (d *DB) Settle(ctx context.Context) error { return classify(ctx, d.engine.settle(ctx)) }

// Statements is the number of statements that were run so far, those of transactions included: what work costs in
// queries.
func (d *DB) Statements() uint64 { return d.statements.Load() }

func (d *DB) Get(ctx context.Context, dst any, query string, args ...any) error {
	d.statements.Add(1)
	return classify(ctx, d.engine.reads().get(ctx, dst, query, args))
}

func (d *DB) Select(ctx context.Context, dst any, query string, args ...any) error {
	d.statements.Add(1)
	return classify(ctx, d.engine.reads().list(ctx, dst, query, args))
}

func (d *DB) Query(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	d.statements.Add(1)
	rows, err := d.engine.reads().rows(ctx, query, args)
	return rows, classify(ctx, err)
}

// Exec runs one statement as a transaction of its own.
func (d *DB) Exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	err = d.Tx(ctx, func(tx *Tx) error {
		rows, err = tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return rows, nil
}

// In expands a slice argument into a list of parameters: In("… WHERE id IN (?)", ids). An empty slice is an error.
func In(query string, args ...any) (string, []any, error) { return sqlx.In(query, args...) }
