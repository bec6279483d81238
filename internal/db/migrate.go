package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migration
var migrations embed.FS

// Migrate brings the schema up to the version of this binary. Processes that start at once take turns. It refuses a
// database that a newer binary has migrated.
func (d *DB) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migration/"+string(d.dialect))
	if err != nil {
		return err
	}
	if err := d.refuseNewer(ctx, files); err != nil {
		return err
	}
	newest, err := newestMigration(files)
	if err != nil {
		return err
	}
	if done, err := d.migrated(ctx, files); err != nil || done {
		return err
	}
	if err := d.engine.migrate(ctx, files, newest); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return d.refuseNewer(ctx, files) // another process may have been faster
}

// refuseNewer keeps this binary from writing to a schema that it does not know.
func (d *DB) refuseNewer(ctx context.Context, files fs.FS) error {
	have, err := d.SchemaVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	want, err := newestMigration(files)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("the database's schema is version %d, this binary knows versions up to %d: run the newer cairn that migrated it", have, want)
	}
	return nil
}

// migrated says that every migration has run, which is how most starts find a database: they need no more than these two queries.
func (d *DB) migrated(ctx context.Context, files fs.FS) (bool, error) {
	have, err := d.SchemaVersion(ctx)
	if err != nil || have == 0 {
		return false, err
	}
	var ran []int64
	if err := d.Select(ctx, &ran, `SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied`); err != nil {
		return false, err
	}
	names, err := fs.Glob(files, "*.sql")
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil || !slices.Contains(ran, n) {
			return false, err
		}
	}
	return true, err
}

func newestMigration(files fs.FS) (newest int64, err error) {
	names, err := fs.Glob(files, "*.sql")
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		newest = max(newest, n)
	}
	return newest, err
}

// Each engine has its own catalogue.
const (
	sqliteFindVersions   = `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`
	postgresFindVersions = `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'goose_db_version'`
)

// SchemaVersion is the number of the last migration that ran, 0 for an empty database.
func (d *DB) SchemaVersion(ctx context.Context) (int64, error) { return SchemaVersion(ctx, d) }

// SchemaVersion is that of what q reads.
func SchemaVersion(ctx context.Context, q Queryer) (int64, error) {
	var n int64
	if err := q.Get(ctx, &n, of(q, sqliteFindVersions, postgresFindVersions)); err != nil || n == 0 {
		return 0, err
	}
	err := q.Get(ctx, &n, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`)
	return n, err
}

func (e *sqliteEngine) migrate(ctx context.Context, files fs.FS, to int64) error {
	unlock, err := lockFile(ctx, e.path+".migrate")
	if err != nil {
		return err
	}
	defer unlock()
	// A statement may take any time. Nothing is synced before the end: a power cut may undo the last migrations, each as a
	// whole since the log's frames have checksums, and the next start runs them again. What is committed after them is synced,
	// and with it all of the log that is before it.
	pool := sql.OpenDB(dsnConnector(sqliteDSN(e.path, "busy_timeout(60000)", "synchronous(NORMAL)") + "&_txlock=immediate"))
	defer pool.Close()
	defer e.counter.Add(1)
	return migrateUp(ctx, goose.DialectSQLite3, pool, files, to)
}

// lockFile takes an exclusive lock that the kernel frees when the process dies. SQLite's own write lock cannot be held
// over a series of transactions.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		}
	}
}

func (e *postgresEngine) migrate(ctx context.Context, files fs.FS, to int64) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 3600)) // once a second
	if err != nil {
		return err
	}
	pool := stdlib.OpenDB(*migrationConfig(e.config))
	defer pool.Close()
	return migrateUp(ctx, goose.DialectPostgres, pool, files, to, goose.WithSessionLocker(locker))
}

// migrationConfig lets a statement take as long as a large table needs. For a lock it waits as long as the hub's own
// transactions may take, and no longer: what comes behind it waits, too.
func migrationConfig(cfg *pgx.ConnConfig) *pgx.ConnConfig {
	cfg = cfg.Copy()
	cfg.RuntimeParams["statement_timeout"] = "0"
	if _, given := cfg.RuntimeParams["lock_timeout"]; !given {
		cfg.RuntimeParams["lock_timeout"] = "60s"
	}
	return cfg
}

func migrateUp(ctx context.Context, dialect goose.Dialect, pool *sql.DB, files fs.FS, to int64, options ...goose.ProviderOption) error {
	options = append(options, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	p, err := goose.NewProvider(dialect, pool, files, options...)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, to)
	return err
}
