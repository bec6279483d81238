//go:build torture

package upgrade

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/test/crash"
)

const (
	million = 1_000_000
	atOnce  = 50_000
	within  = time.Minute
)

// copies of a row of repo, whatever columns the schema has.
var numbered = map[db.Dialect]string{
	db.SQLite:   `WITH RECURSIVE n (i) AS (SELECT %[1]d UNION ALL SELECT i + 1 FROM n WHERE i < %[2]d) INSERT INTO repo (%[3]s) SELECT %[4]s FROM n, (SELECT * FROM repo LIMIT 1)`,
	db.Postgres: `INSERT INTO repo (%[3]s) SELECT %[4]s FROM generate_series(%[1]d, %[2]d) n (i), (SELECT * FROM repo LIMIT 1) one`,
}

var columnsOf = map[db.Dialect]string{
	db.SQLite:   `SELECT name FROM pragma_table_info('repo')`,
	db.Postgres: `SELECT column_name FROM information_schema.columns WHERE table_name = 'repo' AND table_schema = current_schema()`,
}

var idOf = map[db.Dialect]string{db.SQLite: `printf('%024x', i)`, db.Postgres: `lpad(to_hex(i), 24, '0')`}

// TestMillionRepositories brings hubs of a million repositories up to date within a minute.
func TestMillionRepositories(t *testing.T) {
	upgrades(t, func(t *testing.T, kind, dir string) {
		h := restore(t, kind, dir)
		address := "sqlite:" + filepath.Join(h.Data, "cairn.db")
		for _, kv := range h.Environ() {
			if v, ok := strings.CutPrefix(kv, "CAIRN_DATABASE_URL="); ok {
				address = v
			}
		}
		multiply(t, address)
		bin, err := crash.Binary()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(bin, "migrate", "--data", h.Data)
		cmd.Env = h.Environ()
		begun := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		took := time.Since(begun)
		t.Logf("a million repositories took %s", took.Round(time.Millisecond))
		if took > within {
			t.Errorf("longer than %s", within)
		}
	})
}

func multiply(t *testing.T, address string) {
	t.Helper()
	d, err := db.Open(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := t.Context()
	var columns []string
	if err := d.Select(ctx, &columns, columnsOf[d.Dialect()]); err != nil {
		t.Fatal(err)
	}
	values := make([]string, len(columns))
	for i, c := range columns {
		switch values[i] = c; c {
		case "id":
			values[i] = idOf[d.Dialect()]
		case "name":
			values[i] = "'r' || i"
		case "used_storage":
			values[i] = "0" // as it is: they have no files
		case "name_key":
			values[i] = "lower(namespace) || '/r' || i"
		}
	}
	for from := 1; from <= million; from += atOnce { // a statement has its time
		statement := fmt.Sprintf(numbered[d.Dialect()], from, from+atOnce-1, strings.Join(columns, ", "), strings.Join(values, ", "))
		if _, err := d.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
}
