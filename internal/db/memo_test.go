package db_test

import (
	"errors"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

func TestMemo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		thing(t, d)
		settle(d)
		loads := 0
		memo := db.NewMemo[string](d, 1<<20, func(int64) int64 { return 8 })
		get := func(key string) int64 {
			n, err := memo.Get(key, func() (int64, error) { loads++; return count(t, d), nil })
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		want := func(n int64, sqlite, postgres int) {
			t.Helper()
			was := loads
			got := get("a") + get("a")
			if d.Dialect() == db.Postgres {
				sqlite = postgres
			}
			if got != 2*n || loads-was != sqlite {
				t.Errorf("%d rows after %d loads, want %d after %d", got/2, loads-was, n, sqlite)
			}
		}
		want(0, 1, 2)
		want(0, 0, 2)
		exec(t, d, "INSERT INTO thing (name) VALUES ('x')")
		want(1, 1, 2)

		refused := errors.New("refused")
		for range 2 { // failures are not kept
			if _, err := memo.Get("b", func() (int64, error) { loads++; return 0, refused }); !errors.Is(err, refused) {
				t.Fatal(err)
			}
		}
		// What changes while the answer is made makes it stale.
		if _, err := memo.Get("c", func() (int64, error) {
			n := count(t, d)
			exec(t, d, "INSERT INTO thing (name) VALUES ('y')")
			return n, nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := get("c"); n != 2 {
			t.Error("a stale answer:", n)
		}
	})
}
