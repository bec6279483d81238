package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
)

func holdCommand() *cobra.Command {
	return group("hold", "Keep stored bytes from being deleted", holdList(), holdAdd(), holdRemove())
}

func holdList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the holds",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			holds, err := a.Holds(c.Context())
			if err != nil {
				return err
			}
			names, err := a.HeldNames(c.Context(), holds)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "KIND", "REPO", "SINCE", "UNTIL", "REASON")
			for _, h := range holds {
				of, until := "(all)", "removed"
				if h.RepoID != "" {
					of = names[h.RepoID]
				}
				if !h.Until.IsZero() {
					until = date(h.Until)
				}
				row(t, h.ID, h.Kind, of, date(h.Created), until, h.Reason)
			}
			return t.Flush()
		}),
	}
}

func holdAdd() *cobra.Command {
	var reason string
	var all bool
	var lasts time.Duration
	c := &cobra.Command{
		Use:   "add REPO | --all",
		Short: "Keep all that a repository names or ever named, or all stored bytes of the hub",
		Long: "Keep all that a repository names or ever named: history that no branch reaches any more, large files, and the\n" +
			"repository itself when it is deleted. With --all no stored byte of the hub is deleted, as while a backup copies the\n" +
			"folder or the bucket.",
		Args: cobra.MaximumNArgs(1),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			if all == (len(args) == 1) {
				return usageError{fmt.Errorf("name one repository, or say --all")}
			}
			path := ""
			if !all {
				path = args[0]
			}
			id, err := a.AddHold(c.Context(), path, reason, lasts)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Hold %s added.\n", id)
			return nil
		}),
	}
	c.Flags().BoolVar(&all, "all", false, "hold the whole hub")
	c.Flags().StringVar(&reason, "reason", "", "for who reads the list and the audit log")
	c.Flags().DurationVar(&lasts, "for", 0, "how long, such as 48h (default until it is removed)")
	return c
}

func holdRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "End a hold",
		Args:  exactArgs("ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			if err := a.RemoveHold(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Hold %s removed.\n", args[0])
			return nil
		}),
	}
}
