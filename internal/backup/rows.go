package backup

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
)

// dumpRows writes every row of a snapshot, and fills in what the manifest says of them.
func dumpRows(ctx context.Context, q db.Queryer, s blob.Store, m *Manifest) error {
	tables, err := db.Tables(ctx, q)
	if err != nil {
		return err
	}
	w, err := newPartWriter(ctx, s, func(n int) string { return fmt.Sprintf("%s%s/rows-%05d", catalogueDir, m.ID, n) })
	if err != nil {
		return err
	}
	defer w.abort()
	for i := range tables {
		n, err := dumpTable(ctx, q, w, &tables[i])
		if err != nil {
			return fmt.Errorf("copy the table %s: %w", tables[i].Name, err)
		}
		m.Tables = append(m.Tables, TableCount{tables[i].Name, n})
	}
	// After the rows: on PostgreSQL counters are ahead of every snapshot, and must not be behind its rows.
	counters, err := db.Counters(ctx, q)
	if err != nil {
		return err
	}
	if err := writeJSON(w, recCounters, counters); err != nil {
		return err
	}
	if err := w.record([]byte{recEnd}); err != nil {
		return err
	}
	m.Rows, err = w.finish()
	return err
}

func writeJSON(w *partWriter, kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.record(append([]byte{kind}, b...))
}

func dumpTable(ctx context.Context, q db.Queryer, w *partWriter, t *db.Table) (n int64, err error) {
	if err := writeJSON(w, recTable, t); err != nil {
		return 0, err
	}
	next, end, err := tableRows(ctx, q, t)
	if err != nil {
		return 0, err
	}
	defer end()
	var record []byte
	for {
		values, ok, err := next()
		if err != nil {
			return n, err
		}
		if !ok {
			return n, w.record(binary.AppendVarint([]byte{recTableEnd}, n))
		}
		if record, err = appendRow(append(record[:0], recRow), t, values); err != nil {
			return n, err
		}
		if err := w.record(record); err != nil {
			return n, err
		}
		n++
	}
}

// tableRows reads a table, each value as its class asks for it.
func tableRows(ctx context.Context, q db.Queryer, t *db.Table) (next db.Rows, end func(), err error) {
	rows, err := q.Query(ctx, t.SelectAll())
	if err != nil {
		return nil, nil, err
	}
	return func() ([]any, bool, error) {
		if !rows.Next() {
			return nil, false, rows.Err()
		}
		values := make([]any, len(t.Columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, false, err
		}
		for i, v := range values {
			if values[i], err = normal(t.Columns[i].Class, v); err != nil {
				return nil, false, fmt.Errorf("%s.%s: %w", t.Name, t.Columns[i].Name, err)
			}
		}
		return values, true, nil
	}, func() { _ = rows.Close() }, nil
}

// rowReader reads what dumpRows wrote.
type rowReader struct {
	in       *partReader
	m        *Manifest
	tables   int // read so far
	counters []db.Counter
}

func newRowReader(ctx context.Context, s blob.Store, m *Manifest) (*rowReader, error) {
	in, err := newPartReader(ctx, s, m.Rows)
	if err != nil {
		return nil, err
	}
	return &rowReader{in: in, m: m}, nil
}

func (r *rowReader) close() { r.in.close() }

func (r *rowReader) torn(why string, args ...any) error {
	return torn(r.in.at.Key, fmt.Sprintf(why, args...))
}

// table is the next table; nil after the last, and then the counters are known. Its rows are read before the next call.
func (r *rowReader) table() (*db.Table, db.Rows, error) {
	record, err := r.in.next()
	if err != nil {
		return nil, nil, r.ended(err)
	}
	switch {
	case len(record) > 0 && record[0] == recTable:
		t := &db.Table{}
		if err := json.Unmarshal(record[1:], t); err != nil || len(t.Columns) == 0 {
			return nil, nil, r.torn("a table's description is broken")
		}
		if r.tables == len(r.m.Tables) || r.m.Tables[r.tables].Name != t.Name {
			return nil, nil, r.torn("the table %s is not where the manifest has it", t.Name)
		}
		r.tables++
		return t, r.rows(t, r.m.Tables[r.tables-1].Rows), nil
	case len(record) > 0 && record[0] == recCounters && r.tables == len(r.m.Tables):
		if err := json.Unmarshal(record[1:], &r.counters); err != nil {
			return nil, nil, r.torn("the counters are broken")
		}
		return nil, nil, r.end()
	}
	return nil, nil, r.torn("the tables are not all there")
}

// end reads to the very last byte, so that the last part's hash is seen.
func (r *rowReader) end() error {
	record, err := r.in.next()
	if err != nil {
		return r.ended(err)
	}
	if !slices.Equal(record, []byte{recEnd}) {
		return r.torn("there is more than the tables")
	}
	if _, err := r.in.next(); err == nil {
		return r.torn("there is more after the end")
	} else if err != io.EOF {
		return err
	}
	return nil
}

func (r *rowReader) ended(err error) error {
	if err == io.EOF {
		return r.torn("the rows end early")
	}
	return err
}

func (r *rowReader) rows(t *db.Table, want int64) db.Rows {
	var n int64
	return func() ([]any, bool, error) {
		record, err := r.in.next()
		if err != nil {
			return nil, false, r.ended(err)
		}
		if len(record) > 0 && record[0] == recRow {
			n++
			values, err := parseRow(record[1:], len(t.Columns))
			if err != nil {
				return nil, false, r.torn("a row of %s: %v", t.Name, err)
			}
			return values, true, nil
		}
		if len(record) > 0 && record[0] == recTableEnd {
			if stated, k := binary.Varint(record[1:]); k <= 0 || stated != n || n != want {
				return nil, false, r.torn("%s has %d rows and not %d", t.Name, n, want)
			}
			return nil, false, nil
		}
		return nil, false, r.torn("the rows of %s do not end", t.Name)
	}
}

// checkRows reads all rows and keeps none.
func checkRows(ctx context.Context, s blob.Store, m *Manifest) error {
	return eachTable(ctx, s, m, func(_ *db.Table, next db.Rows) error {
		for {
			if _, ok, err := next(); err != nil || !ok {
				return err
			}
		}
	}, func([]db.Counter) error { return nil })
}

// eachTable goes through a copy's tables, and then its counters.
func eachTable(ctx context.Context, s blob.Store, m *Manifest, table func(*db.Table, db.Rows) error, counters func([]db.Counter) error) error {
	r, err := newRowReader(ctx, s, m)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		t, next, err := r.table()
		if err != nil {
			return err
		}
		if t == nil {
			return counters(r.counters)
		}
		if err := table(t, next); err != nil {
			return err
		}
	}
}

// errEnough ends a walk.
var errEnough = errors.New("no more rows are wanted")

// EachRow calls fn with the rows of one table of a copy; their values are in the order of t's columns. An error of fn ends it.
func EachRow(ctx context.Context, s blob.Store, m *Manifest, table string, fn func(t *db.Table, values []any) error) error {
	err := eachTable(ctx, s, m, func(t *db.Table, next db.Rows) error {
		for {
			values, ok, err := next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if t.Name != table {
				continue
			}
			if err := fn(t, values); err != nil {
				return err
			}
		}
		if t.Name == table {
			return errEnough
		}
		return nil
	}, func([]db.Counter) error { return nil })
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// loadRows fills an empty database of the same schema with a copy's rows, and with what also adds, all or none.
func loadRows(ctx context.Context, s blob.Store, m *Manifest, d *db.DB, also func(*db.Loader) error) error {
	return d.Load(ctx, func(l *db.Loader) error {
		return eachTable(ctx, s, m, func(t *db.Table, next db.Rows) error {
			_, err := l.Insert(ctx, *t, storable(d.Dialect(), t, next))
			return err
		}, func(counters []db.Counter) error {
			if err := setCounters(ctx, l, counters); err != nil || also == nil {
				return err
			}
			return also(l)
		})
	})
}

func storable(target db.Dialect, t *db.Table, next db.Rows) db.Rows {
	return func() ([]any, bool, error) {
		values, ok, err := next()
		if ok && err == nil {
			err = loadable(target, t, values)
		}
		return values, ok, err
	}
}

func setCounters(ctx context.Context, l *db.Loader, counters []db.Counter) error {
	for _, c := range counters {
		if err := l.SetCounter(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
