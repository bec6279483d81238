package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/hub"
)

func userCommand() *cobra.Command {
	return group("user", "Manage users", userCreate(), userList(),
		userChange("disable", "Stop a user from doing anything; what they own stays", "disabled", (*account.Service).Disable),
		userChange("enable", "End disable", "enabled", (*account.Service).Enable),
		userChange("delete", "Remove a user who owns nothing any more; the name stays held for 90 days", "deleted", (*account.Service).Delete),
	)
}

func userCreate() *cobra.Command {
	var n account.NewUser
	var fromStdin, none bool
	c := &cobra.Command{
		Use:   "create NAME --email E (--password-stdin | --no-password)",
		Short: "Make a user",
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) (err error) {
			n.Name = args[0]
			if fromStdin {
				if n.Password, err = readSecret(c.InOrStdin()); err != nil {
					return err
				}
			}
			u, err := a.Accounts().Create(c.Context(), n)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "User %s created.\n", u.Name)
			return nil
		}),
	}
	c.Flags().StringVar(&n.Email, "email", "", "e-mail address")
	c.Flags().StringVar(&n.Fullname, "fullname", "", "full name")
	c.Flags().BoolVar(&n.SiteAdmin, "admin", false, "make the user an administrator of the hub")
	c.Flags().BoolVar(&n.SkipNameCheck, "skip-name-check", false, "allow a name that only another hub would allow")
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from the standard input")
	c.Flags().BoolVar(&none, "no-password", false, "no password: the user signs in by token only")
	c.MarkFlagsMutuallyExclusive("password-stdin", "no-password")
	c.MarkFlagsOneRequired("password-stdin", "no-password")
	return c
}

func userList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			t := table(c.OutOrStdout(), "NAME", "EMAIL", "ADMIN", "STATUS", "CREATED")
			for p := (hub.Page{}); ; {
				users, next, err := a.Accounts().List(c.Context(), p)
				if err != nil {
					return err
				}
				for _, u := range users {
					status := "enabled"
					if !u.DisabledAt.IsZero() {
						status = "disabled"
					}
					row(t, u.Name, u.Email, yes(u.SiteAdmin), status, date(u.CreatedAt))
				}
				if p.Cursor = next; next == "" {
					return t.Flush()
				}
			}
		}),
	}
}

func userChange(verb, short, done string, f func(*account.Service, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " NAME",
		Short: short,
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := f(a.Accounts(), c.Context(), u.ID); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "User %s %s.\n", u.Name, done)
			return nil
		}),
	}
}

// readSecret reads one line, so that secrets appear neither in the list of processes nor in the shell's history.
func readSecret(r io.Reader) (string, error) {
	const most = 4096
	line, err := bufio.NewReader(io.LimitReader(r, most)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", usageError{errors.New("the standard input is empty")}
	}
	return line, nil
}

func table(w io.Writer, columns ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row(t, columns...)
	return t
}

// row writes a line whose empty cells stay visible, for who reads it by columns.
func row(t *tabwriter.Writer, cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
