package db

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

// Tx is a transaction under way. It belongs to one goroutine.
type Tx struct {
	dialect Dialect
	session session
	failed  error // the first failed statement; the transaction can only roll back
	open    []*sqlx.Rows
	before  []func() error
	after   []func()
	kept    map[any]any

	statements *atomic.Uint64
	now        func() time.Time
}

// Tx runs f in a serializable write transaction and commits when f returns nil. When Tx returns nil, the transaction is
// on the disk; when it returns an error, it is not, except that a connection lost during the commit itself leaves the
// outcome unknown (errs.Unavailable).
//
// f may run more than once: see the package comment.
func (d *DB) Tx(ctx context.Context, f func(tx *Tx) error) error {
	return classify(ctx, d.engine.transact(ctx, func(tx *Tx) error {
		tx.statements, tx.now = d.statements, d.now
		return f(tx)
	}))
}

// Dialect says which engine this is.
func (t *Tx) Dialect() Dialect { return t.dialect }

// Now is what the hub's clock says.
func (t *Tx) Now() time.Time { return t.now() }

// AfterCommit has f run after the commit, in the order given, before DB.Tx returns. After a rollback it does not run.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// BeforeCommit has f run in the transaction after all else that it does, in the order given. Its error rolls back. It is
// for what is settled once however many steps contribute to it.
func (t *Tx) BeforeCommit(f func() error) { t.before = append(t.before, f) }

// Value is what the transaction carries by a key; what make returned when it was first asked for.
func (t *Tx) Value(key any, make func() any) any {
	v, ok := t.kept[key]
	if !ok {
		if t.kept == nil {
			t.kept = map[any]any{}
		}
		v = make()
		t.kept[key] = v
	}
	return v
}

func (t *Tx) Get(ctx context.Context, dst any, query string, args ...any) error {
	return t.run(ctx, func() error { return t.session.get(ctx, dst, query, args) })
}

func (t *Tx) Select(ctx context.Context, dst any, query string, args ...any) error {
	return t.run(ctx, func() error { return t.session.list(ctx, dst, query, args) })
}

func (t *Tx) Exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	err = t.run(ctx, func() error { rows, err = t.session.exec(ctx, query, args); return err })
	return rows, err
}

func (t *Tx) Query(ctx context.Context, query string, args ...any) (rows *sqlx.Rows, err error) {
	err = t.run(ctx, func() error { rows, err = t.session.rows(ctx, query, args); return err })
	if err == nil {
		t.open = append(t.open, rows)
	}
	return rows, err
}

// run keeps the rule that a failed statement dooms the transaction. SQLite would let some transactions go on after an
// error and silently rolls others back, after which each statement would commit by itself.
func (t *Tx) run(ctx context.Context, statement func() error) error {
	if t.failed != nil {
		return t.failed
	}
	err := ctx.Err()
	if err == nil {
		t.statements.Add(1)
		err = statement()
	}
	if err == nil || IsNoRows(err) {
		return err
	}
	t.failed = classify(ctx, err)
	return t.failed
}

// body runs f and ends what it left open. Its error says that the transaction must roll back.
func (t *Tx) body(ctx context.Context, f func(*Tx) error) error {
	err := f(t)
	t.closeRows()
	for i := 0; err == nil && t.failed == nil && i < len(t.before); i++ {
		err = t.before[i]()
		t.closeRows()
	}
	if err == nil {
		err = t.failed
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (t *Tx) closeRows() {
	for _, rows := range t.open {
		if e := errors.Join(rows.Err(), rows.Close()); e != nil && t.failed == nil {
			t.failed = e
		}
	}
	t.open = nil
}

func (t *Tx) committed() {
	for _, f := range t.after {
		f()
	}
}
