package main

import (
	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
)

func repairCommand() *cobra.Command {
	var o app.RepairOptions
	c := &cobra.Command{
		Use:   "repair",
		Short: "Make whole what is damaged in the storage",
		Long: "Look through the storage as fsck does, and repair what is damaged: rows and indexes are made anew from what they were\n" +
			"derived from; objects come back from replicas (--from), from what is left of them, and from other objects that hold the\n" +
			"same bytes. Whatever is put back is proved first. It runs beside a running hub or without one, and may be run again.\n\n" +
			"  cairn repair --from file:/backup            a backup or a copy of the blob folder\n" +
			"  cairn repair --read-data --from s3://…      look for damage in all bytes first\n\n" +
			"What nobody has stays damaged: whoever uploads the file again repairs it for everybody. With --tombstone it is given\n" +
			"up, and readers are told so until then.\n\n" +
			"Exit code 0: nothing was damaged. 11: all damage is repaired. 10: damage is left. 1: it could not come to its end.",
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return app.Repair(c.Context(), cfg, logger(cfg, c.ErrOrStderr()), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.From, "from", nil, "a replica: a folder or S3 address with the same objects, or a backup; several are asked in order")
	f.StringVar(&o.Repo, "repo", "", "repair one repository: ns/name, datasets/ns/name, spaces/ns/name, or the id of a deleted one")
	f.BoolVar(&o.Data, "read-data", false, "look for damage in all stored bytes, not in the structure alone")
	f.BoolVar(&o.Dry, "dry-run", false, "change nothing, and say what would be done")
	f.BoolVar(&o.Tombstone, "tombstone", false, "give up what nobody has: readers are told that it is lost")
	f.BoolVar(&o.JSON, "json", false, "write what became of each finding as a line of JSON, and a summary as the last")
	return c
}
