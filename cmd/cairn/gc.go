package main

import (
	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
)

func gcCommand() *cobra.Command {
	var o app.GCOptions
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove now what is not needed any more, or say what would go",
		Long: "Remove what is not needed any more and whose time is over: deleted repositories (keep-deleted), what no branch or tag\n" +
			"has reached (keep-unreachable), large files that no commit names (keep-uncommitted), stored packs that nothing has\n" +
			"named (keep-unnamed), content that no file is made of (keep-xorbs). A running hub does so by itself; this does it at\n" +
			"once, beside it or without it, may be stopped at any moment, and goes on when it is run again. To have a secret gone\n" +
			"that was pushed by mistake, take it out of every branch and tag, then:\n\n" +
			"  cairn gc --keep-unreachable 0s --keep-unnamed 0s\n\n" +
			"With --dry-run it says what would go, and removes nothing.",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.GC(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), o, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would go")
	c.Flags().BoolVar(&o.JSON, "json", false, "write the report as JSON")
	return c
}
