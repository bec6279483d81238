package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
)

func sessionCommand() *cobra.Command {
	return group("session", "Manage sessions of users", sessionList(), sessionEnd())
}

func sessionList() *cobra.Command {
	return &cobra.Command{
		Use:   "list USER",
		Short: "List a user's sessions",
		Args:  exactArgs("USER"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			sessions, err := a.Accounts().Sessions(c.Context(), u.ID)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "CREATED", "EXPIRES", "CLIENT")
			for _, s := range sessions {
				row(t, s.ID, date(s.CreatedAt), date(s.ExpiresAt), s.UserAgent)
			}
			return t.Flush()
		}),
	}
}

func sessionEnd() *cobra.Command {
	return &cobra.Command{
		Use:   "end USER ID",
		Short: "End a session of a user",
		Args:  exactArgs("USER", "ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.Accounts().RevokeSession(c.Context(), u.ID, args[1]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Session %s ended.\n", args[1])
			return nil
		}),
	}
}
