package main

import (
	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
)

func gcCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove now what git's storage does not need any more",
		Long: "Remove what no branch or tag has reached for longer than keep-unreachable, and stored packs that nothing has named\n" +
			"for longer than keep-unnamed. A running hub does so by itself; this does it at once, beside it or without it. To\n" +
			"have a secret gone that was pushed by mistake, take it out of every branch and tag, then:\n\n" +
			"  cairn gc --keep-unreachable 0s --keep-unnamed 0s\n\n" +
			"With keep-unnamed 0s no backup may be under way: it could miss what the database named when it began.",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.GC(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), c.OutOrStdout())
		},
	}
}
