package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
)

// oldFile makes a database as it was before there were checksums.
func oldFile(t *testing.T, rows int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "old.db")
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, query := range []string{
		"CREATE TABLE thing (name TEXT PRIMARY KEY, n BIGINT, body BLOB)",
		fmt.Sprintf("WITH RECURSIVE s (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < %d) INSERT INTO thing SELECT 'name ' || x, x, randomblob(900) FROM s", rows),
	} {
		if _, err := pool.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func wantChecksums(t *testing.T, d *db.DB, want bool) {
	t.Helper()
	if on, _, err := d.Checksums(ctx); err != nil || on != want {
		t.Fatalf("checksums: %v %v, want %v", on, err, want)
	}
}

func TestAddChecksums(t *testing.T) {
	path := oldFile(t, 3000)
	url := "sqlite:" + path
	d, err := db.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	wantChecksums(t, d, false)
	if err := db.AddChecksums(ctx, url); err == nil {
		t.Error("checksums were added to a database that is in use")
	}
	if n := count(t, d); n != 3000 {
		t.Fatal(n)
	}
	exec(t, d, "INSERT INTO thing (name) VALUES ('more')")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte("left by a kill"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := db.AddChecksums(ctx, url); err != nil {
			t.Fatal(err)
		}
	}
	d = dbtest.Open(t, url)
	wantChecksums(t, d, true)
	if bad, err := d.CheckPages(ctx); bad != 0 || err != nil || count(t, d) != 3001 {
		t.Error(bad, err, count(t, d))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Error("the copy is still there:", err)
	}
}

// TestAddChecksumsChild is what TestAddChecksumsKilled kills.
func TestAddChecksumsChild(t *testing.T) {
	path := os.Getenv("CAIRN_TEST_ADD_CHECKSUMS")
	if path == "" {
		path = oldFile(t, 10)
	}
	if err := db.AddChecksums(context.Background(), "sqlite:"+path); err != nil {
		t.Fatal(err)
	}
}

// Killed at any instant, the database is the old one or the new one, and the next attempt succeeds.
func TestAddChecksumsKilled(t *testing.T) {
	const rows = 20000
	path := oldFile(t, rows)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	child := func() *osexec.Cmd {
		cmd := osexec.Command(os.Args[0], "-test.run=^TestAddChecksumsChild$")
		cmd.Env = append(os.Environ(), "CAIRN_TEST_ADD_CHECKSUMS="+path)
		return cmd
	}
	if out, err := child().CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	took := time.Since(started)
	for round := range 12 {
		for _, suffix := range []string{"-wal", "-shm", "-journal"} {
			_ = os.Remove(path + suffix)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := child()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(rand.N(took), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		url := "sqlite:" + path
		d, err := db.Open(ctx, url)
		if err != nil {
			t.Fatal(round, err)
		}
		if n := count(t, d); n != rows {
			t.Fatalf("round %d: %d of %d rows", round, n, rows)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.AddChecksums(ctx, url); err != nil {
			t.Fatal(round, err)
		}
		d = dbtest.Open(t, url)
		wantChecksums(t, d, true)
		if bad, err := d.CheckPages(ctx); bad != 0 || err != nil || count(t, d) != rows {
			t.Fatal(round, bad, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A flipped bit in a page is counted and never read: who asks for it is told that the database is damaged.
func TestCheckPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	url := "sqlite:" + path
	d, err := db.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	thing(t, d)
	exec(t, d, "WITH RECURSIVE s (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < 5000) INSERT INTO thing (name, n, body) SELECT 'name ' || x, x, randomblob(900) FROM s")
	wantChecksums(t, d, true)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	pages := rand.Perm(int(info.Size()/4096) - 2)[:100]
	for _, page := range pages { // not of the first two: of what tells where all else is
		at := int64(page+2)*4096 + rand.Int64N(4096)
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << rand.IntN(8)
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	d = dbtest.Open(t, url)
	if bad, err := d.CheckPages(ctx); bad != 100 || err != nil {
		t.Errorf("%d of 100 damaged pages found: %v", bad, err)
	}
	var sum int64
	if err := d.Get(ctx, &sum, "SELECT SUM(LENGTH(CAST(body AS TEXT)) + n) FROM thing NOT INDEXED"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("read %d: %v", sum, err)
	}
	exec(t, d, "CREATE TABLE other (n BIGINT)") // what is not damaged is served and written
}

// Another program writes to the database: its pages are refused until they are declared to be right, and then are.
func TestRenewChecksums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cairn.db")
	url := "sqlite:" + path
	d, err := db.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	thing(t, d)
	for i := range 200 {
		exec(t, d, "INSERT INTO thing (name, n) VALUES (?, ?)", fmt.Sprint("name ", i), i)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("UPDATE thing SET n = 7"); err != nil {
		t.Fatal(err)
	}
	other.Close()
	var sum int64
	if d, err = db.Open(ctx, url); err == nil {
		if err = d.Get(ctx, &sum, "SELECT SUM(n) FROM thing"); err == nil {
			t.Error("pages without checksums of their own are read")
		}
		d.Close()
	}
	if !errs.Is(err, errs.Unavailable) {
		t.Error(err)
	}
	if err := db.RenewChecksums(ctx, url); err != nil {
		t.Fatal(err)
	}
	d = dbtest.Open(t, url)
	if bad, err := d.CheckPages(ctx); bad != 0 || err != nil {
		t.Error(bad, err)
	}
	if err := d.Get(ctx, &sum, "SELECT SUM(n) FROM thing"); err != nil || sum != 7*200 {
		t.Error(sum, err)
	}
}

func TestChecksumsOfEach(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		on, advice, err := d.Checksums(ctx)
		if err != nil || advice == "" || !on && d.Dialect() == db.SQLite {
			t.Error(on, advice, err)
		}
		if bad, err := d.CheckPages(ctx); bad != 0 || err != nil {
			t.Error(bad, err)
		}
	})
}

// BenchmarkChecksums compares databases with and without: a commit, a read from SQLite's cache and one that misses it. What the processor did
// says more than the time on a machine that does other things, too.
func BenchmarkChecksums(b *testing.B) {
	for _, with := range []bool{true, false} {
		d := benchFile(b, with)
		var n int64
		for name, f := range map[string]func() error{
			"commit": func() error {
				_, err := d.Exec(ctx, "UPDATE thing SET n = n + 1 WHERE name = ?", fmt.Sprint("name ", rand.IntN(5000)+1))
				return err
			},
			"hit": func() error { return d.Get(ctx, &n, "SELECT n FROM thing WHERE name = ?", "name 7") },
			"miss": func() error {
				return d.Get(ctx, &n, "SELECT LENGTH(CAST(body AS TEXT)) FROM thing WHERE name = ?", fmt.Sprint("name ", rand.IntN(5000)+1))
			},
		} {
			b.Run(fmt.Sprintf("%s/sums=%v", name, with), func(b *testing.B) {
				start := cpu(b)
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpu(b)-start)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchFile(b *testing.B, with bool) *db.DB {
	path := filepath.Join(b.TempDir(), "bench.db")
	if !with {
		pool, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := pool.Exec("CREATE TABLE made (n BIGINT)"); err != nil {
			b.Fatal(err)
		}
		pool.Close()
	}
	d := dbtest.Open(b, "sqlite:"+path)
	for _, query := range []string{
		"CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY, n BIGINT, body BLOB)",
		"WITH RECURSIVE s (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < 5000) INSERT INTO thing (name, n, body) SELECT 'name ' || x, x, randomblob(9000) FROM s",
	} {
		if _, err := d.Exec(ctx, query); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Settle(ctx); err != nil {
		b.Fatal(err)
	}
	return d
}
