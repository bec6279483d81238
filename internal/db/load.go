package db

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Rows gives the rows of a table one by one: values in the order of its columns. ok is false after the last.
type Rows func() (values []any, ok bool, err error)

// Loader fills the tables of an empty database.
type Loader struct{ on loading }

// loading is how an engine takes many rows.
type loading interface {
	insert(ctx context.Context, t Table, rows Rows) (int64, error)
	count(ctx context.Context, c Counter) error
}

// Load runs f in one transaction without the time limits of requests: all that it inserts is there afterwards, or nothing.
// It runs once.
func (d *DB) Load(ctx context.Context, f func(l *Loader) error) error {
	return classify(ctx, d.engine.load(ctx, func(on loading) error { return f(&Loader{on}) }))
}

// Insert adds rows to a table and returns how many.
func (l *Loader) Insert(ctx context.Context, t Table, rows Rows) (int64, error) {
	n, err := l.on.insert(ctx, t, rows)
	if err != nil {
		return n, fmt.Errorf("fill the table %s: %w", t.Name, err)
	}
	return n, nil
}

// SetCounter has a table number its next row after a number.
func (l *Loader) SetCounter(ctx context.Context, c Counter) error {
	if err := l.on.count(ctx, c); err != nil {
		return fmt.Errorf("set the counter of %s: %w", c.Table, err)
	}
	return nil
}

// Rows of one statement on SQLite: so many, or so many bytes.
const (
	loadRows  = 100
	loadBytes = 4 << 20
)

func (e *sqliteEngine) load(ctx context.Context, f func(loading) error) error {
	return e.transact(ctx, func(tx *Tx) error {
		tx.statements = new(atomic.Uint64)
		return f(&sqliteLoad{tx})
	})
}

type sqliteLoad struct{ tx *Tx }

// Pieces of an insert, whose table and columns are from the schema.
const (
	fragInsertInto = "INSERT INTO "
	sqliteSetSeq   = `UPDATE sqlite_sequence SET seq = ? WHERE name = ?`
	sqliteAddSeq   = `INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`
)

func (l *sqliteLoad) insert(ctx context.Context, t Table, rows Rows) (total int64, err error) {
	var args []any
	pending, size := 0, 0
	flush := func() error {
		if pending == 0 {
			return nil
		}
		_, err := l.tx.Exec(ctx, insertMany(t, pending), args...)
		total += int64(pending)
		args, pending, size = args[:0], 0, 0
		return err
	}
	for {
		values, ok, err := rows()
		if err != nil {
			return total, err
		}
		if !ok {
			return total, flush()
		}
		args = append(args, values...)
		size += sizeOf(values)
		if pending++; pending == loadRows || size >= loadBytes {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
}

func insertMany(t Table, n int) string {
	group := "(" + strings.Repeat("?, ", len(t.Columns)-1) + "?)"
	return fragInsertInto + quote(t.Name) + " (" + t.columnList() + ") VALUES " + strings.Repeat(group+", ", n-1) + group
}

func sizeOf(values []any) (n int) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	return n
}

func (l *sqliteLoad) count(ctx context.Context, c Counter) error {
	n, err := l.tx.Exec(ctx, sqliteSetSeq, c.Last, c.Table)
	if err == nil && n == 0 {
		_, err = l.tx.Exec(ctx, sqliteAddSeq, c.Table, c.Last)
	}
	return err
}

// postgresLoad copies rows in, which takes a fraction of inserting them.
type postgresLoad struct{ tx pgx.Tx }

func (e *postgresEngine) load(ctx context.Context, f func(loading) error) error {
	cfg := migrationConfig(e.config)
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0" // where rows come from may be slow
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after a commit
	if err := f(&postgresLoad{tx}); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (l *postgresLoad) insert(ctx context.Context, t Table, rows Rows) (int64, error) {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	src := &copySource{next: rows}
	n, err := l.tx.CopyFrom(ctx, pgx.Identifier{t.Name}, names, src)
	if src.err != nil {
		err = src.err // the server's error only says that there was one
	}
	return n, err
}

const postgresSetSeq = `SELECT setval(pg_get_serial_sequence(quote_ident($1::text), column_name), $2::bigint) FROM information_schema.columns
	WHERE table_schema = current_schema() AND table_name = $1 AND is_identity = 'YES'`

func (l *postgresLoad) count(ctx context.Context, c Counter) error {
	if c.Last < 1 {
		return nil
	}
	_, err := l.tx.Exec(ctx, postgresSetSeq, c.Table, c.Last)
	return err
}

// copySource is Rows as pgx asks for them.
type copySource struct {
	next   Rows
	values []any
	err    error
}

func (s *copySource) Next() (ok bool) {
	s.values, ok, s.err = s.next()
	return ok && s.err == nil
}
func (s *copySource) Values() ([]any, error) { return s.values, nil }
func (s *copySource) Err() error             { return s.err }
