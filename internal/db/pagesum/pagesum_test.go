package pagesum_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cairnhub/cairn/internal/db/pagesum"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// open is a connection of its own, with little cache.
func open(t *testing.T, path, more string) *sql.Conn {
	t.Helper()
	if err := pagesum.Register(); err != nil {
		t.Fatal(err)
	}
	pool, err := sql.Open("sqlite", "file:"+path+"?vfs="+pagesum.Name+"&_pragma=synchronous(FULL)&_pragma=cache_size(10)"+more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func run(t *testing.T, c *sql.Conn, query string, args ...any) {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(query, err)
	}
}

// create makes a database with checksums and rows of many sizes, all in the file or all in the log.
func create(t *testing.T, path string, rows int) *sql.Conn {
	t.Helper()
	c := open(t, path, "&"+pagesum.ReserveParameter+"=8")
	run(t, c, "PRAGMA journal_mode = WAL")
	run(t, c, "PRAGMA wal_autocheckpoint = 0")
	run(t, c, "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB)")
	run(t, c, "BEGIN")
	for i := range rows {
		run(t, c, "INSERT INTO thing (name, body) VALUES (?, ?)", fmt.Sprint("name ", i*7919%rows), make([]byte, i*37%9000))
	}
	run(t, c, "COMMIT")
	return c
}

func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func readAll(ctx context.Context, c *sql.Conn) (n int, err error) {
	var bytes int
	err = c.QueryRowContext(ctx, "SELECT COUNT(*), SUM(LENGTH(CAST(body AS TEXT)) + LENGTH(body)) FROM thing NOT INDEXED").Scan(&n, &bytes)
	if err == nil {
		err = c.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT DISTINCT name FROM thing INDEXED BY sqlite_autoindex_thing_1)").Scan(&n)
	}
	return n, err
}

// readFresh reads by a connection of its own, so that nothing is cached; that it cannot be opened is an error like any other.
func readFresh(t *testing.T, path string) error {
	pool, err := sql.Open("sqlite", "file:"+path+"?vfs="+pagesum.Name+"&mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_, err = readAll(t.Context(), conn)
	return err
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << rand.IntN(8)
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// A bit flipped anywhere in the file is an error of whoever reads the page, and no other error.
func TestFlippedBitInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := create(t, path, 400)
	run(t, c, "PRAGMA wal_checkpoint(TRUNCATE)")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := readAll(t.Context(), c); err != nil || n != 400 {
		t.Fatal(n, err)
	}
	damaged := filepath.Join(t.TempDir(), "b.db")
	offsets := []int64{0, 16, 17, 18, 20, 24, 27, 60, 99, 100, 4087, 4088, 4091, 4092, 4095}
	for range 200 {
		offsets = append(offsets, rand.Int64N(info.Size()))
	}
	for _, at := range offsets {
		copyFile(t, path, damaged)
		flip(t, damaged, at)
		e := readFresh(t, damaged)
		switch c := code(e); {
		case c == sqlite3.SQLITE_IOERR_DATA:
		case at < 100 && (c == sqlite3.SQLITE_NOTADB || c == sqlite3.SQLITE_CANTOPEN): // the header shows it by itself
		default:
			t.Errorf("byte %d of %d (page %d): %v", at, info.Size(), at/pagesum.PageSize+1, e)
		}
	}
}

// A page of zeros, one in another's place and a file that ends early are no answers either.
func TestLostPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := create(t, path, 400)
	run(t, c, "PRAGMA wal_checkpoint(TRUNCATE)")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"zeros":   func(b []byte) []byte { clear(b[5*4096 : 6*4096]); return b },
		"swapped": func(b []byte) []byte { copy(b[5*4096:6*4096], whole[7*4096:]); return b },
		"short":   func(b []byte) []byte { return b[:len(b)-4096] },
		"torn":    func(b []byte) []byte { return b[:len(b)-1000] },
	} {
		damaged := filepath.Join(t.TempDir(), name+".db")
		if err := os.WriteFile(damaged, damage(append([]byte(nil), whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readFresh(t, damaged); code(err) != sqlite3.SQLITE_IOERR_DATA && code(err) != sqlite3.SQLITE_CORRUPT {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bit flipped in the log's pages is an error of who reads the page and of a checkpoint, which writes nothing of it.
func TestFlippedBitInLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := create(t, path, 400)
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	newest := map[uint32]int64{} // of each page: older ones nobody reads
	for at := 32; at < len(log); at += 4120 {
		newest[binary.BigEndian.Uint32(log[at:])] = int64(at)
	}
	frames := slices.Collect(maps.Values(newest))
	for range 60 {
		at := frames[rand.IntN(len(frames))] + 24 + rand.Int64N(4096)
		flip(t, path+"-wal", at)
		err := readFresh(t, path)
		var busy, pages, moved int
		cerr := c.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved)
		if code(err) != sqlite3.SQLITE_IOERR_DATA || code(cerr) != sqlite3.SQLITE_IOERR_DATA {
			t.Errorf("byte %d: read %v, checkpoint %v", at, err, cerr)
		}
		if err := os.WriteFile(path+"-wal", log, 0o600); err != nil { // whole again, in place
			t.Fatal(err)
		}
	}
	if n, err := readAll(t.Context(), open(t, path, "")); err != nil || n != 400 {
		t.Fatal(n, err)
	}
}

// Transactions that write pages many times, give up parts of themselves and are larger than the cache read what they wrote; so do others
// after checkpoints, and so does who finds the files as they are at any instant.
func TestNoFalseAlarm(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	c := create(t, path, 50)
	run(t, c, "PRAGMA wal_autocheckpoint = 100")
	other := open(t, path, "&_pragma=busy_timeout(10000)")
	for round := range 60 {
		run(t, c, "BEGIN IMMEDIATE")
		for step := range 40 {
			if step%7 == 0 {
				run(t, c, "SAVEPOINT s")
			}
			run(t, c, "INSERT OR REPLACE INTO thing (name, body) VALUES (?, ?)", fmt.Sprint("name ", rand.IntN(300)), make([]byte, rand.IntN(12000)))
			run(t, c, "UPDATE thing SET body = zeroblob(length(body) + 1) WHERE id % 5 = ?", rand.IntN(5))
			if step%13 == 0 {
				run(t, c, "DELETE FROM thing WHERE id % 3 = ?", rand.IntN(3))
			}
			if step%7 == 6 {
				run(t, c, []string{"ROLLBACK TO s", "RELEASE s"}[rand.IntN(2)])
			}
			if _, err := readAll(t.Context(), c); err != nil {
				t.Fatal(round, step, err)
			}
		}
		run(t, c, []string{"COMMIT", "ROLLBACK"}[rand.IntN(2)])
		if _, err := readAll(t.Context(), other); err != nil {
			t.Fatal(round, err)
		}
		if round%10 == 0 {
			found := filepath.Join(t.TempDir(), "found.db")
			copyFile(t, path, found)
			copyFile(t, path+"-wal", found+"-wal")
			check(t, open(t, found, ""))
		}
	}
	check(t, c)
	check(t, other)
}

// A copy by VACUUM INTO that is larger than the cache has its checksums, too, though its first page is written last.
func TestVacuumInto(t *testing.T) {
	dir := t.TempDir()
	c := create(t, filepath.Join(dir, "a.db"), 3000)
	run(t, c, "VACUUM INTO ?", filepath.Join(dir, "copy.db"))
	check(t, open(t, filepath.Join(dir, "copy.db"), ""))
	run(t, c, "VACUUM")
	check(t, c)
	run(t, c, "PRAGMA wal_checkpoint(TRUNCATE)")
	check(t, open(t, filepath.Join(dir, "a.db"), ""))
}

func check(t *testing.T, c *sql.Conn) {
	t.Helper()
	var answer string
	if err := c.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Fatal(answer, err)
	}
	var pages int
	if err := c.QueryRowContext(t.Context(), "SELECT COUNT(data) FROM sqlite_dbpage").Scan(&pages); err != nil || pages < 10 {
		t.Fatal(pages, err)
	}
}
