package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

var ctx = context.Background()

// thing is a table of these tests only.
func thing(t *testing.T, d *db.DB) {
	t.Helper()
	text, blob := "TEXT", "BLOB"
	if d.Dialect() == db.Postgres {
		text, blob = `TEXT COLLATE "C"`, "BYTEA"
	}
	exec(t, d, "CREATE TABLE thing (name "+text+" NOT NULL PRIMARY KEY, n BIGINT, body "+blob+", ok BOOLEAN NOT NULL DEFAULT FALSE)")
}

func exec(t *testing.T, q db.Queryer, query string, args ...any) int64 {
	t.Helper()
	n, err := q.Exec(ctx, query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func count(t *testing.T, q db.Queryer) (n int64) {
	t.Helper()
	if err := q.Get(ctx, &n, "SELECT COUNT(*) FROM thing"); err != nil {
		t.Fatal(err)
	}
	return n
}

// What many steps contribute to is settled once, by each attempt anew; its error rolls all of them back.
func TestTxSettlesLast(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		refused := errors.New("refused")
		add := func(tx *db.Tx, n int64, most int64) {
			sum := tx.Value("sum", func() any {
				sum := new(int64)
				tx.BeforeCommit(func() error {
					if *sum > most {
						return refused
					}
					exec(t, tx, "INSERT INTO thing (name, n) VALUES ('sum', ?)", *sum)
					return nil
				})
				return sum
			}).(*int64)
			*sum += n
		}
		for _, most := range []int64{100, 5} {
			err := d.Tx(ctx, func(tx *db.Tx) error {
				add(tx, 3, most)
				exec(t, tx, "INSERT INTO thing (name, n) VALUES ('between', 0) ON CONFLICT DO NOTHING")
				add(tx, 4, most)
				return nil
			})
			if most == 100 && err != nil || most == 5 && !errors.Is(err, refused) {
				t.Fatal(err)
			}
		}
		var sum int64
		if err := d.Get(ctx, &sum, "SELECT n FROM thing WHERE name = 'sum'"); err != nil || sum != 7 || count(t, d) != 2 {
			t.Fatal(err, sum, count(t, d))
		}
	})
}

func TestTxCommitsAndRollsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		var ran []int
		err := d.Tx(ctx, func(tx *db.Tx) error {
			tx.AfterCommit(func() { ran = append(ran, 1) })
			tx.AfterCommit(func() { ran = append(ran, int(count(t, d))) })
			exec(t, tx, "INSERT INTO thing (name) VALUES (?)", "a?'")
			exec(t, tx, "INSERT INTO thing (name) VALUES ('why?')")
			return nil
		})
		if err != nil || !slices.Equal(ran, []int{1, 2}) {
			t.Fatal(err, ran)
		}
		refused := errors.New("refused")
		err = d.Tx(ctx, func(tx *db.Tx) error {
			tx.AfterCommit(func() { t.Error("ran after a rollback") })
			exec(t, tx, "DELETE FROM thing")
			return refused
		})
		if !errors.Is(err, refused) || count(t, d) != 2 {
			t.Fatal(err, count(t, d))
		}
		func() {
			defer func() { _ = recover() }()
			_ = d.Tx(ctx, func(tx *db.Tx) error { exec(t, tx, "DELETE FROM thing"); panic("boom") })
		}()
		if n := exec(t, d, "UPDATE thing SET n = 1"); n != 2 {
			t.Fatal(n)
		}
	})
}

func TestFailedStatementDoomsTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		err := d.Tx(ctx, func(tx *db.Tx) error {
			exec(t, tx, "INSERT INTO thing (name) VALUES (?)", "a")
			var n int
			if err := tx.Get(ctx, &n, "SELECT n FROM thing WHERE name = ?", "none"); !db.IsNoRows(err) {
				t.Error(err)
			}
			exec(t, tx, "UPDATE thing SET n = 3") // a missing row is no failure
			_, err := tx.Exec(ctx, "INSERT INTO thing (name) VALUES (?)", "a")
			if !db.IsUnique(err) {
				t.Errorf("not unique: %v", err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO thing (name) VALUES (?)", "b"); !db.IsUnique(err) {
				t.Errorf("went on: %v", err)
			}
			return nil
		})
		if !db.IsUnique(err) || count(t, d) != 0 {
			t.Fatal(err, count(t, d))
		}
	})
}

func TestRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		names := []string{"b", "B", "a_", "a-", "a", "Z", "é", "😀", "\uffee", "a b", "10", "9"}
		for i, name := range names {
			var n any
			if i%2 == 0 {
				n = int64(i) << 40
			}
			exec(t, d, "INSERT INTO thing (name, n, body, ok) VALUES (?, ?, ?, ?)", name, n, []byte{0, 255, byte(i)}, i%3 == 0)
		}
		var rows []struct {
			Name string
			N    *int64
			Body []byte
			OK   bool `db:"ok"`
		}
		if err := d.Select(ctx, &rows, "SELECT name, n, body, ok FROM thing ORDER BY name"); err != nil {
			t.Fatal(err)
		}
		sorted := slices.Sorted(slices.Values(names)) // by bytes
		for at, r := range rows {
			i := slices.Index(names, r.Name)
			if sorted[at] != r.Name || (r.N == nil) != (i%2 == 1) || r.N != nil && *r.N != int64(i)<<40 ||
				!slices.Equal(r.Body, []byte{0, 255, byte(i)}) || r.OK != (i%3 == 0) {
				t.Errorf("row %d: %+v, want name %q", at, r, sorted[at])
			}
		}
		query, args, err := db.In("SELECT name FROM thing WHERE name IN (?) AND ok = ? ORDER BY name DESC", []string{"b", "a_", "a-"}, true)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := d.Select(ctx, &got, query, args...); err != nil || !slices.Equal(got, []string{"b", "a-"}) {
			t.Fatal(err, got)
		}
	})
}

func TestNestedRowsInTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		exec(t, d, "INSERT INTO thing (name, n) VALUES ('a', 1), ('b', 2), ('c', 3)")
		err := d.Tx(ctx, func(tx *db.Tx) error {
			var seen []string
			rows, err := tx.Query(ctx, "SELECT name FROM thing ORDER BY name")
			if err != nil {
				return err
			}
			for rows.Next() {
				var name string
				if err := rows.Scan(&name); err != nil {
					return err
				}
				seen = append(seen, name)
			}
			if !slices.Equal(seen, []string{"a", "b", "c"}) {
				t.Error(seen)
			}
			_, err = tx.Query(ctx, "SELECT name FROM thing ORDER BY name") // left open
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, d, "DELETE FROM thing")
	})
}

func TestConcurrentWriters(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			first, second := dbtest.Open(t, url), dbtest.Open(t, url) // as two processes
			thing(t, first)
			exec(t, first, "INSERT INTO thing (name, n) VALUES ('counter', 0)")
			const workers, rounds = 8, 20
			var wg sync.WaitGroup
			for w := range workers {
				d := []*db.DB{first, second}[w%2]
				wg.Go(func() {
					for range rounds {
						if err := increment(d); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			var n int
			if err := second.Get(ctx, &n, "SELECT n FROM thing"); err != nil || n != workers*rounds {
				t.Fatal(err, n)
			}
		})
	}
}

// increment reads, then writes: only serializable transactions lose nothing.
func increment(d *db.DB) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.Get(ctx, &n, "SELECT n FROM thing WHERE name = ?", "counter"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE thing SET n = ? WHERE name = ?", n+1, "counter")
		return err
	})
}

func TestCancel(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		for i := range 50 {
			c, cancel := context.WithCancel(ctx)
			err := d.Tx(c, func(tx *db.Tx) error {
				exec(t, tx, "INSERT INTO thing (name) VALUES (?)", fmt.Sprint(i))
				cancel()
				_, err := tx.Exec(c, "INSERT INTO thing (name) VALUES (?)", fmt.Sprint(i, "b"))
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if n := count(t, d); n != 0 {
			t.Fatal(n)
		}
		exec(t, d, "INSERT INTO thing (name) VALUES ('a')")
		c, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		var n int64
		slow := "WITH RECURSIVE s (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < 1000000000) SELECT COUNT(*) FROM s"
		if err := d.Get(c, &n, slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if count(t, d) != 1 {
			t.Fatal("lost")
		}
	})
}

func TestReopen(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			d := dbtest.Open(t, url)
			thing(t, d)
			exec(t, d, "INSERT INTO thing (name) VALUES ('a')")
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if count(t, dbtest.Open(t, url)) != 1 {
				t.Fatal("lost")
			}
		})
	}
}

func TestManyStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 1500 {
					var n int
					if err := d.Get(ctx, &n, fmt.Sprintf("SELECT 1 + %d", (i*7+w)%1300)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}
