package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/config"
)

// backupRun is what the commands about backups call.
type backupRun func(ctx context.Context, cfg *config.Config, log *slog.Logger, o app.BackupOptions, w io.Writer) error

// silent is a command that logs nothing.
func silent(f func(context.Context, *config.Config, app.BackupOptions, io.Writer) error) backupRun {
	return func(ctx context.Context, cfg *config.Config, _ *slog.Logger, o app.BackupOptions, w io.Writer) error {
		return f(ctx, cfg, o, w)
	}
}

// runBackup reads the arguments: where the backups are, unless a setting says it, and which one is meant.
func runBackup(o *app.BackupOptions, withID bool, f backupRun) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := loadConfig(c)
		if err != nil {
			return err
		}
		o.URL = cfg.BackupURL
		if len(args) > 0 && (!withID || len(args) > 1 || !app.IsBackupID(args[0])) {
			o.URL, args = args[0], args[1:]
		}
		if len(args) > 0 {
			o.ID = args[0]
		}
		return f(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), *o, c.OutOrStdout())
	}
}

func backupCommand() *cobra.Command {
	var o app.BackupOptions
	c := &cobra.Command{
		Use:   "backup [URL]",
		Short: "Copy the hub into a store of backups, while it runs",
		Long: "Copy all rows, as of one moment, and the objects that they name to a folder or an S3 bucket: /path/to/folder,\n" +
			"file:/path or s3://bucket/prefix?endpoint=https://host&region=name; without one, to what backup-url says. Objects that\n" +
			"are there from earlier backups are not sent again. Each object is checked on its way. The exit code is 0 when all is\n" +
			"copied, 10 when objects of the hub are damaged (they are named, all others are copied), 1 when there is no backup.\n\n" +
			"A backup holds password hashes, hashes of tokens and the keys that the hub signs with: keep it as safe as the hub.",
		Args: cobra.MaximumNArgs(1),
		RunE: runBackup(&o, false, app.Backup),
	}
	c.Flags().BoolVar(&o.Verify, "verify", false, "read all of the backup afterwards")
	c.Flags().BoolVar(&o.JSON, "json", false, "print the manifest as JSON")
	c.AddCommand(backupList(), backupVerify(), backupPrune())
	return c
}

func backupList() *cobra.Command {
	var o app.BackupOptions
	c := &cobra.Command{Use: "list [URL]", Short: "List the backups in a store, oldest first", Args: cobra.MaximumNArgs(1),
		RunE: runBackup(&o, false, silent(app.BackupList))}
	c.Flags().BoolVar(&o.JSON, "json", false, "print the manifests of whole ones as JSON")
	return c
}

func backupVerify() *cobra.Command {
	var o app.BackupOptions
	c := &cobra.Command{
		Use:   "verify [URL] [ID]",
		Short: "Check that a backup is whole; the newest one if none is named",
		Long: "Read the manifest and all rows of a backup, and look for each of its objects; with --read-data read these, too, and\n" +
			"check every byte. The exit code is 0 when all is well, 10 when something is not.",
		Args: cobra.MaximumNArgs(2),
		RunE: runBackup(&o, true, silent(app.BackupVerify)),
	}
	c.Flags().BoolVar(&o.Data, "read-data", false, "read the objects")
	c.Flags().BoolVar(&o.JSON, "json", false, "print what was found as JSON")
	return c
}

func backupPrune() *cobra.Command {
	var o app.BackupOptions
	c := &cobra.Command{
		Use:   "prune [URL]",
		Short: "Drop old backups, and the objects that none of the others needs",
		Long: "Keep the newest backup of each of the last days, weeks and months that have one, and the newest of all; drop the\n" +
			"others, and then the objects that no backup needs any more. It waits for no backup and lets none begin meanwhile.",
		Args: cobra.MaximumNArgs(1),
		RunE: runBackup(&o, false, silent(app.BackupPrune)),
	}
	c.Flags().IntVar(&o.Keep.Daily, "keep-daily", 0, "days to keep a backup of")
	c.Flags().IntVar(&o.Keep.Weekly, "keep-weekly", 0, "weeks to keep a backup of")
	c.Flags().IntVar(&o.Keep.Monthly, "keep-monthly", 0, "months to keep a backup of")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would go")
	c.Flags().BoolVar(&o.JSON, "json", false, "print what went as JSON")
	return c
}

func restoreCommand() *cobra.Command {
	var o app.BackupOptions
	return &cobra.Command{
		Use:   "restore [URL] [ID]",
		Short: "Make a hub of a backup; the newest one if none is named",
		Long: "Copy a backup into the database and the store that are configured, of either kind: the database must be empty, and no\n" +
			"hub may run on it. A backup that is not whole is refused before anything is written (exit code 10).",
		Args: cobra.MaximumNArgs(2),
		RunE: runBackup(&o, true, app.Restore),
	}
}

func migrateStorageCommand() *cobra.Command {
	var o app.MoveOptions
	c := &cobra.Command{
		Use:   "migrate-storage",
		Short: "Copy the hub to another database and another store, such as from SQLite and a folder to PostgreSQL and S3",
		Long: "Copy the objects, then the rows, from where the configuration has them to a new place. Nothing is deleted. First with\n" +
			"--online, beside the running hub, which takes long; then with the hub stopped, on all nodes, which copies what has come\n" +
			"since and the rows:\n\n" +
			"  cairn migrate-storage --to-blob-url s3://bucket?endpoint=https://host --online\n" +
			"  (stop the hub)\n" +
			"  cairn migrate-storage --to-blob-url s3://bucket?endpoint=https://host --to-database-url postgres://user@host/database\n" +
			"  (start it with the new database-url and blob-url)",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.MigrateStorage(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), o, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.DatabaseURL, "to-database-url", "", "the new database, as in database-url; it must be empty")
	c.Flags().StringVar(&o.BlobURL, "to-blob-url", "", "the new store of objects, as in blob-url")
	c.Flags().BoolVar(&o.Online, "online", false, "copy only objects, beside a running hub")
	return c
}

func rebuildCommand() *cobra.Command {
	var o app.BackupOptions
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Make a lost database again from what the hub keeps beside its objects",
		Long: "Fill the configured database, which must be empty, from the newest whole catalogue in the store of objects (the hub\n" +
			"writes one each catalogue-every), and say what may be lost: everything that only the database knew and that happened\n" +
			"after the catalogue was written. If there is a newer backup, restore that instead.",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.Rebuild(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), o, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.ID, "catalogue", "", "the id of another catalogue than the newest: a folder below catalogue/ in the store")
	return c
}
