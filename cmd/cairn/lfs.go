package main

import (
	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/event"
)

func lfsCommand() *cobra.Command {
	return group("lfs", "Look after large files", lfsRelease())
}

func lfsRelease() *cobra.Command {
	var now bool
	c := &cobra.Command{
		Use:   "release REPOSITORY",
		Short: "Say which old versions of large files a repository gives up",
		Long: "Say which versions of large files a repository gives up, because it keeps only the newest (lfs_keep_versions) and no branch,\n" +
			"tag or pull request uses them. A running hub gives them up by itself where lfs-release says so, when they were superseded\n" +
			"for longer than lfs-release-grace. With --now it is done at once for those whose time is over.\n\n" +
			"The repository is written as ns/name, datasets/ns/name or spaces/ns/name.",
		Args: exactArgs("REPOSITORY"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			ctx := event.WithOrigin(c.Context(), &event.Origin{ActorName: event.CLI})
			return app.ReleaseVersions(ctx, cfg, logger(cfg, c.ErrOrStderr()), args[0], now, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&now, "now", false, "give up what is due")
	return c
}
