package db

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// Snapshot is the rows that were committed at one moment, for as long as they are read. It belongs to one goroutine, and
// the rows of one query are closed before the next one runs: PostgreSQL answers one at a time.
type Snapshot struct {
	dialect    Dialect
	session    session
	statements *atomic.Uint64
	now        func() time.Time
}

var errReadOnly = errors.New("a snapshot is only read")

// Snapshot runs f on the rows of one moment. It has a connection of its own, without the time limits of requests. While it
// lasts, SQLite's write-ahead log grows and PostgreSQL keeps old rows: do not wait in it for what rows are not needed for.
func (d *DB) Snapshot(ctx context.Context, f func(s *Snapshot) error) error {
	return classify(ctx, d.engine.snapshot(ctx, func(on session) error {
		return f(&Snapshot{d.dialect, on, d.statements, d.now})
	}))
}

// Dialect says which engine this is.
func (s *Snapshot) Dialect() Dialect { return s.dialect }

// Now is what the hub's clock says.
func (s *Snapshot) Now() time.Time { return s.now() }

func (s *Snapshot) Get(ctx context.Context, dst any, query string, args ...any) error {
	s.statements.Add(1)
	return classify(ctx, s.session.get(ctx, dst, query, args))
}

func (s *Snapshot) Select(ctx context.Context, dst any, query string, args ...any) error {
	s.statements.Add(1)
	return classify(ctx, s.session.list(ctx, dst, query, args))
}

func (s *Snapshot) Query(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	s.statements.Add(1)
	rows, err := s.session.rows(ctx, query, args)
	return rows, classify(ctx, err)
}

// Exec is refused.
func (s *Snapshot) Exec(context.Context, string, ...any) (int64, error) { return 0, errReadOnly }

// snapshot reads in a transaction of its own connection: in WAL mode it sees the state of its first read.
func (e *sqliteEngine) snapshot(ctx context.Context, f func(session) error) error {
	pool := sql.OpenDB(dsnConnector(readerDSN(e.path)))
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	kept := newStatements(conn)
	defer kept.close()
	on := &connReads{kept, conn}
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	var n int64
	if err := on.get(ctx, &n, sqliteFindVersions, nil); err != nil {
		return err
	}
	return f(on)
}

// connReads runs reads on one connection.
type connReads struct {
	*statements
	conn *sql.Conn
}

func (r *connReads) rows(ctx context.Context, query string, args []any) (*sqlx.Rows, error) {
	rows, err := r.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return &sqlx.Rows{Rows: rows, Mapper: mapper}, nil
}

func (e *postgresEngine) snapshot(ctx context.Context, f func(session) error) error {
	cfg := migrationConfig(e.config)
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0" // where rows go to may be slow
	pool := sqlx.NewDb(stdlib.OpenDB(*cfg), "pgx")
	pool.Mapper = mapper
	defer pool.Close()
	tx, err := pool.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return f(postgresSession{tx, 0})
}
