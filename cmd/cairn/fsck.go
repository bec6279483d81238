package main

import (
	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
)

func fsckCommand() *cobra.Command {
	var o app.FsckOptions
	c := &cobra.Command{
		Use:   "fsck",
		Short: "Prove that everything stored is there and whole",
		Long: "Look through the storage, beside a running hub or without one, and name what is damaged: which files of which\n" +
			"repositories, and what to do. Every branch and tag is followed to its commits, folders and files, every large file to\n" +
			"the xorbs that it is made of, and rows that were derived from others are compared with those. Nothing is changed.\n\n" +
			"Without --read-data the structure is looked at, and few bytes are read. With it, all bytes are read from the disk or\n" +
			"bucket, past all caches, and hashed.\n\n" +
			"Exit code 0: clean. 10: damage was found. 1: it could not be looked through. docs/fsck.md explains each kind of finding.",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.Fsck(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Data, "read-data", false, "read all stored bytes and hash them")
	f.StringVar(&o.Subset, "read-data-subset", "", "read a part of them: 3/10 is the third of ten parts, 5% a random twentieth")
	f.BoolVar(&o.SHA256, "sha256", false, "put each large file together and compare its SHA-256 with the recorded one")
	f.StringVar(&o.Repo, "repo", "", "look at one repository: ns/name, datasets/ns/name, spaces/ns/name, or the id of a deleted one")
	f.BoolVar(&o.Orphans, "orphans", false, "list stored objects that no row names and that are older than a day")
	f.BoolVar(&o.JSON, "json", false, "write each finding as a line of JSON, and a summary as the last")
	return c
}
