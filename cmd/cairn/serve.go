package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/event"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the hub",
		Long: "Run the hub until SIGINT or SIGTERM, which lets requests under way finish. The first start on an empty folder\n" +
			"makes user admin and prints its password and token once.\n\n" +
			"SIGUSR2 restarts it without losing a request: the program is started anew, a newer one if it was replaced, with the\n" +
			"same arguments; it reads its settings again and takes the open sockets over. When it serves, the old process lets its\n" +
			"requests finish and ends. When it does not come up, the old one goes on. Sockets of systemd are taken, too (LISTEN_FDS).",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			if cfg.Process, err = config.ReadProcess(os.Environ(), os.Getpid(), os.Getppid()); err != nil {
				return err
			}
			return app.Serve(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), c.OutOrStdout())
		},
	}
}

func migrateCommand() *cobra.Command {
	var renew bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database up to this version's schema (serve does it as well)",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, args []string) error {
			if renew {
				if err := renewChecksums(c); err != nil {
					return err
				}
			}
			return withApp(tellVersion)(c, args)
		},
	}
	cmd.Flags().BoolVar(&renew, "renew-checksums", false, "first take the pages of a SQLite database for right if SQLite finds no fault in them:\nfor one that another program has written or copied; no cairn may have it open")
	return cmd
}

func renewChecksums(c *cobra.Command) error {
	cfg, err := loadConfig(c)
	if err != nil {
		return err
	}
	return app.RenewChecksums(c.Context(), cfg)
}

func tellVersion(c *cobra.Command, a *app.App, _ []string) error {
	v, err := a.DB().SchemaVersion(c.Context())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "The database is at schema version %d.\n", v)
	return nil
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check what a hub needs: git, disk, database, store, clock, address, a proxy in front, SSH",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.Doctor(c.Context(), cfg, c.OutOrStdout())
		},
	}
}

func configCommand() *cobra.Command {
	return group("config", "Look at the configuration", &cobra.Command{
		Use:   "print",
		Short: "Show every setting: its value, default, source and meaning",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return cfg.Print(c.OutOrStdout())
		},
	})
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintln(c.OutOrStdout(), "cairn", versionText())
			return nil
		},
	}
}

// versionText is what the build set, else what Go knows of the module and its commit.
func versionText() string {
	if app.Version != "dev" {
		return app.Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// withApp opens the hub's database and store for a command that works on them, beside a running hub or alone.
func withApp(f func(c *cobra.Command, a *app.App, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		cfg, err := loadConfig(c)
		if err != nil {
			return err
		}
		a, err := app.Open(c.Context(), cfg, logger(cfg, c.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer func() {
			if e := a.Close(); err == nil {
				err = e
			}
		}()
		c.SetContext(event.WithOrigin(c.Context(), &event.Origin{ActorID: event.CLI, ActorName: event.CLI}))
		return f(c, a, args)
	}
}
