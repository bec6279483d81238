package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/jobs"
)

func jobCommand() *cobra.Command {
	return group("job", "See what the hub does in the background", jobList(), jobRetry())
}

func jobList() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the jobs",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			s, err := jobs.ParseState(state)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "KIND", "STATE", "DUE", "TRIES", "ERROR")
			for after := int64(0); ; {
				list, err := a.Jobs().List(c.Context(), s, after, jobs.MaxPage)
				if err != nil {
					return err
				}
				for _, j := range list {
					row(t, fmt.Sprint(j.ID), j.Kind, string(j.State), date(j.RunAt), fmt.Sprint(j.Attempts), j.LastError)
					after = j.ID
				}
				if len(list) < jobs.MaxPage {
					return t.Flush()
				}
			}
		}),
	}
	c.Flags().StringVar(&state, "state", "", "only waiting, running or failed ones")
	return c
}

func jobRetry() *cobra.Command {
	return &cobra.Command{
		Use:   "retry ID",
		Short: "Have a job that waits or was given up tried again now",
		Args:  exactArgs("ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is no job's number", args[0])}
			}
			if err := a.Jobs().Retry(c.Context(), id); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Job %d is tried again.\n", id)
			return nil
		}),
	}
}
