package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/fsck"
)

// withStorage opens the database and the store that are configured, and no more: a hub would fill an empty database.
func withStorage(ctx context.Context, cfg *config.Config, log *slog.Logger, f func(h backup.Hub) error) (err error) {
	for _, dir := range []string{cfg.Data, cfg.CacheDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	d, err := db.Open(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	blobs, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	return f(backup.Hub{DB: d, Blobs: blobs, Kinds: objectKinds, Version: Version, TempDir: cfg.CacheDir, Log: log})
}

// lockEmpty makes sure that no hub serves from the data folder.
func lockEmpty(cfg *config.Config) (unlock func(), err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, err
	}
	f, err := lockFolder(cfg.Data, 0)
	if err != nil {
		return nil, err
	}
	signLock(f)
	return func() { f.Close() }, nil
}

// Restore makes the hub that is configured, whose database must be empty, of a backup.
func Restore(ctx context.Context, cfg *config.Config, log *slog.Logger, o BackupOptions, w io.Writer) error {
	from, err := openShelf(ctx, cfg, o.URL)
	if err != nil {
		return err
	}
	unlock, err := lockEmpty(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := backup.Find(ctx, from.Durable, o.ID)
	if err == nil {
		err = withStorage(ctx, cfg, log, func(h backup.Hub) error {
			start := time.Now()
			stats, err := backup.Restore(ctx, h, from.Durable, m, logProgress(log))
			if err == nil {
				fmt.Fprintf(w, "Restored backup %s of %s UTC: %d rows; %d objects, of which %d, %d bytes, were copied. %s\n",
					m.ID, stamp(m.Created), m.RowCount(), m.Objects.Count, stats.Copied, stats.Bytes, time.Since(start).Round(time.Millisecond))
			}
			return err
		})
	}
	if errors.Is(err, blob.ErrDamaged) {
		return ExitError{ExitDamage, err}
	}
	if err != nil {
		return err
	}
	if err := checkRestored(ctx, cfg, log, w); err != nil {
		return err
	}
	if n := m.NumDamaged(); n > 0 {
		fmt.Fprintf(w, "%d objects were damaged when the backup was taken, and are missing.\n", n)
		return ExitError{Code: ExitDamage}
	}
	return nil
}

// checkRestored looks at the structure of a hub that was just made.
func checkRestored(ctx context.Context, cfg *config.Config, log *slog.Logger, w io.Writer) error {
	return apart(ctx, cfg, log, func(a *App) error {
		r, err := a.Checker(fsck.Options{}).Run(ctx)
		if err != nil {
			return fmt.Errorf("the restored storage could not be looked through: %w", err)
		}
		return writeReport(r, false, w)
	})
}

// MoveOptions say where a hub's storage goes.
type MoveOptions struct {
	DatabaseURL string // empty: the database stays where it is
	BlobURL     string // empty: the objects stay where they are
	Online      bool   // only the objects, beside a running hub
}

// MigrateStorage copies the hub's storage to a database and a store of other kinds, or of the same.
func MigrateStorage(ctx context.Context, cfg *config.Config, log *slog.Logger, o MoveOptions, w io.Writer) error {
	to, err := moveTarget(cfg, o)
	if err != nil {
		return err
	}
	if !o.Online {
		unlock, err := lockEmpty(cfg)
		if err != nil {
			return fmt.Errorf("%w; with --online the objects are copied beside it, so that the rest takes a short stop", err)
		}
		defer unlock()
	}
	return apart(ctx, cfg, log, func(a *App) error {
		blobs := a.blobs
		if o.BlobURL != "" {
			if blobs, err = openStore(ctx, to); err != nil {
				return fmt.Errorf("open the new store: %w", err)
			}
		}
		if !o.Online {
			if err := othersOnDatabase(ctx, a.db); err != nil {
				return err
			}
		}
		if err := a.moveObjects(ctx, blobs, o, w); err != nil || o.Online {
			return err
		}
		return a.moveRows(ctx, to, o, w)
	})
}

func moveTarget(cfg *config.Config, o MoveOptions) (*config.Config, error) {
	to := *cfg
	switch {
	case o.DatabaseURL == "" && o.BlobURL == "":
		return nil, errs.New(errs.Invalid, "Say where to: --to-database-url, --to-blob-url or both")
	case o.Online && o.BlobURL == "":
		return nil, errs.New(errs.Invalid, "--online copies objects only: say where to with --to-blob-url")
	case o.DatabaseURL != "" && o.DatabaseURL == cfg.DatabaseURL, o.BlobURL != "" && sameStore(o.BlobURL, cfg.BlobURL):
		return nil, errs.New(errs.Invalid, "The storage is there already: name the new one")
	}
	if o.DatabaseURL != "" {
		to.DatabaseURL = o.DatabaseURL
	}
	if o.BlobURL != "" {
		to.BlobURL = o.BlobURL
	}
	return &to, to.Validate()
}

// othersOnDatabase refuses to move rows while other processes may write some. SQLite's are kept out by the folder's lock.
func othersOnDatabase(ctx context.Context, d *db.DB) error {
	others, err := db.Others(ctx, d)
	if err == nil && others > 0 {
		err = errs.New(errs.Conflict, "%d other connections of cairn are open to the database: stop all nodes first, or copy the objects beside them with --online", others)
	}
	return err
}

func (a *App) moveObjects(ctx context.Context, to blob.Store, o MoveOptions, w io.Writer) error {
	if o.BlobURL == "" {
		return nil
	}
	from, err := a.backupHub(ctx)
	if err != nil {
		return err
	}
	target := from
	target.Blobs = to
	start := time.Now()
	damaged, stats, err := backup.MoveObjects(ctx, from, target, logProgress(a.log))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d objects: %d of them, %d bytes, were copied. %s\n", stats.Objects, stats.Copied, stats.Bytes, time.Since(start).Round(time.Millisecond))
	for _, d := range damaged {
		fmt.Fprintf(w, "not copied: %s is %s; needed by %s\n", d.Key, d.State, needers(d))
	}
	if len(damaged) > 0 {
		return ExitError{ExitDamage, fmt.Errorf("%d objects are damaged: mend the hub first ('cairn fsck'), and move it then", len(damaged))}
	}
	return nil
}

func (a *App) moveRows(ctx context.Context, to *config.Config, o MoveOptions, w io.Writer) (err error) {
	if o.DatabaseURL != "" {
		d, err := db.Open(ctx, to.DatabaseURL)
		if err != nil {
			return fmt.Errorf("open the new database: %w", err)
		}
		rows, err := backup.MoveRows(ctx, a.db, d)
		if err == nil {
			err = d.Migrate(ctx)
		}
		if err = errors.Join(err, d.Close()); err != nil {
			return err
		}
		fmt.Fprintf(w, "%d rows were copied.\n", rows)
	}
	fmt.Fprintf(w, "\nDone. The old storage is as it was. Start the hub with the new one from now on:\n\n")
	for _, s := range []struct{ name, value string }{{"CAIRN_DATABASE_URL", o.DatabaseURL}, {"CAIRN_BLOB_URL", o.BlobURL}} {
		if s.value != "" {
			fmt.Fprintf(w, "  %s=%s\n", s.name, config.MaskURL(s.value))
		}
	}
	fmt.Fprintln(w, "\nand keep anybody from starting it with the old one: what is written there is not here.")
	return nil
}

// Rebuild makes a lost database again, from the newest catalogue that the hub wrote beside its objects.
func Rebuild(ctx context.Context, cfg *config.Config, log *slog.Logger, o BackupOptions, w io.Writer) error {
	unlock, err := lockEmpty(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	var found *backup.Rebuilt
	err = withStorage(ctx, cfg, log, func(h backup.Hub) (err error) {
		found, err = backup.Rebuild(ctx, h, o.ID)
		return err
	})
	if errors.Is(err, blob.ErrDamaged) {
		return ExitError{ExitDamage, err}
	}
	if err != nil {
		return err
	}
	printRebuilt(w, found)
	return apart(ctx, cfg, log, func(a *App) error { return a.afterRebuild(ctx, found, w) })
}

func printRebuilt(w io.Writer, r *backup.Rebuilt) {
	m := r.Manifest
	fmt.Fprintf(w, "The database was made again from the catalogue of %s UTC: %d rows.\n", stamp(m.Created), m.RowCount())
	for _, e := range r.Broken {
		fmt.Fprintf(w, "A newer catalogue could not be used: %v\n", e)
	}
	fmt.Fprintf(w, "Whatever was changed after that moment is lost as far as the database alone knew it: commits of small files, new\n"+
		"repositories and accounts, settings, where branches and tags pointed.\n")
	fmt.Fprintf(w, "The newest object in the store is of %s UTC.\n", stamp(r.Newest))
	for _, f := range r.Found {
		fmt.Fprintf(w, "Objects that no row names, stored after the catalogue: %d %ss, %d bytes\n", f.Count, f.Kind, f.Bytes)
	}
	for _, p := range r.Packs[:min(len(r.Packs), 1000)] {
		fmt.Fprintf(w, "  of the repository with the id %s: %d packs, %d bytes\n", p.RepoID, p.Count, p.Bytes)
	}
	for _, d := range r.Missing.Found {
		fmt.Fprintf(w, "missing: %s, which rows name\n", d.Key)
	}
	if n := int64(len(r.Missing.Found)) + r.Missing.More; n > 0 {
		fmt.Fprintf(w, "%d objects that rows name are not there: they were given up after the catalogue was written, or are lost.\n", n)
	}
}

// afterRebuild says what keeps everything that was found, and looks through it.
func (a *App) afterRebuild(ctx context.Context, r *backup.Rebuilt, w io.Writer) error {
	fmt.Fprintf(w, "\nNothing that is stored is deleted until you have looked at it: 'cairn hold remove %s' ends that.\n", r.HoldID)
	report, err := a.Checker(fsck.Options{}).Run(ctx)
	if err != nil {
		return fmt.Errorf("the rebuilt storage could not be looked through: %w", err)
	}
	if err := writeReport(report, false, w); err != nil {
		return err
	}
	if len(r.Missing.Found) > 0 {
		return ExitError{Code: ExitDamage}
	}
	return nil
}
