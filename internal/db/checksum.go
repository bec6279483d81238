package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cairnhub/cairn/internal/db/pagesum"
)

// AddChecksums gives a SQLite database that was made before there were checksums its own, before it is opened. It does nothing to others.
// An error says why the database is as it was: another process has it open, or the disk has no room for a second copy. It may be
// killed at any instant.
//
// The database is written anew next to the old one and takes its name when it is on the disk. Until then nothing of the old one has
// changed, and from then on nobody uses that: it was locked against all others since before it was read, and its header is
// spoiled before the lock ends, so that who waited for it fails instead of writing to a file that has no name.
func AddChecksums(ctx context.Context, url string) error { return renew(ctx, url, false) }

// RenewChecksums takes a SQLite database's pages for what they should be, if SQLite finds no fault in them, and gives all of them new
// checksums, as AddChecksums does: for a database that a program other than Cairn has written to or copied, which leaves
// checksums that are not right.
func RenewChecksums(ctx context.Context, url string) error { return renew(ctx, url, true) }

func renew(ctx context.Context, url string, trust bool) error {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil //nolint:nilerr // Open makes it, with checksums
	}
	if err := pagesum.Register(); err != nil {
		return err
	}
	unlock, err := lockFile(ctx, path+".open")
	if err != nil {
		return err
	}
	defer unlock()
	dsn := newFileDSN(path, "busy_timeout(0)")
	if trust {
		dsn += "&" + pagesum.TrustParameter + "=1"
	}
	pool := sql.OpenDB(dsnConnector(dsn))
	pool.SetMaxOpenConns(1)
	defer pool.Close()
	sums, err := sqliteSums(ctx, pool)
	if err == nil && (sums == pagesum.Off || trust) {
		err = writeAnew(ctx, path, pool, trust)
	}
	if err != nil {
		return fmt.Errorf("the database %s was not given checksums of its pages: %w", path, err)
	}
	return nil
}

func writeAnew(ctx context.Context, path string, pool *sql.DB, check bool) error {
	if err := lockOut(ctx, pool); err != nil {
		return err
	}
	if check {
		if err := checkStructure(ctx, pool); err != nil {
			return err
		}
	}
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer old.Close() // after all else: closing it ends SQLite's locks, which the system keeps per process and file
	defer pool.Close()
	fresh := path + ".new"
	defer os.Remove(fresh)
	if err := copyWithChecksums(ctx, pool, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	// The name has to lead to the new one on the disk as well before the old one is spoiled: without power in between, the
	// name would lead to a database without a header, and the next start would remove the copy.
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	_, err = old.WriteAt(make([]byte, 100), 0)
	return err
}

// lockOut folds the log into the file and keeps everybody else from it until the connection ends.
func lockOut(ctx context.Context, pool *sql.DB) error {
	var mode string
	if _, err := pool.ExecContext(ctx, "PRAGMA locking_mode = EXCLUSIVE"); err != nil {
		return err
	}
	err := pool.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode)
	if err == nil && mode != "delete" {
		err = errors.New("its log is in use")
	}
	if err == nil {
		_, err = pool.ExecContext(ctx, "BEGIN EXCLUSIVE; COMMIT")
	}
	if err != nil {
		return fmt.Errorf("another process has it open: %w", err)
	}
	return nil
}

func checkStructure(ctx context.Context, pool *sql.DB) error {
	var finding string
	err := pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&finding)
	if err == nil && finding != "ok" {
		err = errors.New(finding)
	}
	return err
}

// copyWithChecksums writes all to a new file, reads all of that, and has it on the disk.
func copyWithChecksums(ctx context.Context, pool *sql.DB, fresh string) error {
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", fresh); err != nil {
		return err
	}
	made := sql.OpenDB(dsnConnector(sqliteDSN(fresh, "query_only(1)")))
	defer made.Close()
	if sums, err := sqliteSums(ctx, made); err != nil || sums != pagesum.On {
		return errors.Join(errors.New("the copy has no checksums"), err)
	}
	conn, err := made.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if bad, err := checkPages(ctx, conn); err != nil || bad > 0 {
		return errors.Join(fmt.Errorf("%d pages of the copy are damaged", bad), err)
	}
	return f.Sync()
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
