package db_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// What is committed after a snapshot's first moment is not in it, whichever statement of it is asked first.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		exec(t, d, "INSERT INTO thing (name) VALUES ('a')")
		err := d.Snapshot(ctx, func(s *db.Snapshot) error {
			if d.Dialect() == db.Postgres {
				count(t, s) // PostgreSQL's moment is the first statement's
			}
			exec(t, d, "INSERT INTO thing (name) VALUES ('b')")
			if n := count(t, s); n != 1 {
				t.Errorf("%d rows in the snapshot, want 1", n)
			}
			if _, err := s.Exec(ctx, "DELETE FROM thing"); err == nil {
				t.Error("a snapshot was written to")
			}
			return nil
		})
		if err != nil || count(t, d) != 2 {
			t.Fatal(err)
		}
	})
}

// Both engines have the same tables, with the same columns of the same classes, so that rows go from one to the other.
func TestTablesAreTheSameOnBothEngines(t *testing.T) {
	list := func(dialect db.Dialect) map[string][]db.Column {
		d := dbtest.New(t, dialect)
		tables, err := db.Tables(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string][]db.Column{}
		for _, table := range tables {
			found[table.Name] = slices.SortedFunc(slices.Values(table.Columns), func(a, b db.Column) int {
				return bytes.Compare([]byte(a.Name), []byte(b.Name))
			})
		}
		if first, err := db.FirstFilled(ctx, d, tables); err != nil || first != "" {
			t.Errorf("a migrated database has rows in %q: %v", first, err)
		}
		return found
	}
	one, two := list(db.SQLite), list(db.Postgres)
	if len(one) < 40 || len(one) != len(two) {
		t.Errorf("%d tables and %d", len(one), len(two))
	}
	for name, columns := range one {
		if !slices.Equal(columns, two[name]) {
			t.Errorf("%s:\n%v\n%v", name, columns, two[name])
		}
	}
}

func TestLoad(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		tables, err := db.Tables(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		event := tables[slices.IndexFunc(tables, func(t db.Table) bool { return t.Name == "event" })]
		rows := func(n int, end error) db.Rows {
			i := 0
			return func() ([]any, bool, error) {
				if i++; i > n {
					return nil, false, end
				}
				var values []any
				for _, c := range event.Columns {
					values = append(values, map[string]any{"id": int64(i), "kind": "x", "created_at": int64(7), "data": "{}"}[c.Name])
					if values[len(values)-1] == nil {
						values[len(values)-1] = map[db.Class]any{db.Text: "é", db.Int: int64(0), db.Bool: true, db.Blob: []byte{1}}[c.Class]
					}
				}
				return values, true, nil
			}
		}
		load := func(n int, end error) error {
			return d.Load(ctx, func(l *db.Loader) error {
				if got, err := l.Insert(ctx, event, rows(n, end)); err != nil || got != int64(n) {
					return errors.Join(err, errors.New("not all"))
				}
				return l.SetCounter(ctx, db.Counter{Table: "event", Last: 5000})
			})
		}
		torn := errors.New("torn")
		if err := load(300, torn); !errors.Is(err, torn) {
			t.Fatal(err)
		}
		if first, err := db.FirstFilled(ctx, d, tables); err != nil || first != "" {
			t.Fatal("half a load stayed:", first, err)
		}
		if err := load(1234, nil); err != nil {
			t.Fatal(err)
		}
		if first, err := db.FirstFilled(ctx, d, tables); err != nil || first != "event" {
			t.Fatal(first, err)
		}
		var id int64
		err = d.Tx(ctx, func(tx *db.Tx) error {
			return tx.Get(ctx, &id, "INSERT INTO event (kind, created_at) VALUES ('y', 1) RETURNING id")
		})
		if err != nil || id != 5001 {
			t.Fatal("the next number is", id, err)
		}
		counters, err := db.Counters(ctx, d)
		if err != nil || !slices.Contains(counters, db.Counter{Table: "event", Last: 5001}) {
			t.Fatal(counters, err)
		}
	})
}

// Rows of an older schema are loaded into it, and migrated from there.
func TestMigrateTo(t *testing.T) {
	d := dbtest.Open(t, "sqlite:"+t.TempDir()+"/old.db")
	if err := d.MigrateTo(ctx, 10); err != nil {
		t.Fatal(err)
	}
	newest, err := d.NewestSchema()
	if have, e := d.SchemaVersion(ctx); err != nil || e != nil || have != 10 || newest <= have {
		t.Fatal(have, newest, err, e)
	}
	if err := d.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if have, err := d.SchemaVersion(ctx); err != nil || have != newest {
		t.Fatal(have, err)
	}
}
