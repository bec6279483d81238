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
)

func userCommand() *cobra.Command {
	return group("user", "Manage users", userCreate(), userList(), userEdit(), userDisable(), userResetPassword(),
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
	var q account.UserQuery
	var admins, disabled bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			t := table(c.OutOrStdout(), "NAME", "EMAIL", "ADMIN", "STATUS", "CREATED")
			if c.Flags().Changed("admin") {
				q.SiteAdmin = &admins
			}
			if c.Flags().Changed("disabled") {
				q.Disabled = &disabled
			}
			for {
				users, next, err := a.Accounts().Search(c.Context(), q)
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
				if q.Page.Cursor = next; next == "" {
					return t.Flush()
				}
			}
		}),
	}
	c.Flags().StringVar(&q.Search, "search", "", "only those with this in their name, full name or address")
	c.Flags().BoolVar(&admins, "admin", false, "only administrators of the hub; =false: only others")
	c.Flags().BoolVar(&disabled, "disabled", false, "only disabled users; =false: only others")
	return c
}

func userEdit() *cobra.Command {
	var fullname, email string
	var verified, admin bool
	c := &cobra.Command{
		Use:   "edit NAME",
		Short: "Change a user's full name, address or flags",
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			var change account.UserChange
			for flag, set := range map[string]func(){
				"fullname": func() { change.Fullname = &fullname }, "email": func() { change.Email = &email },
				"email-verified": func() { change.EmailVerified = &verified }, "admin": func() { change.SiteAdmin = &admin },
			} {
				if c.Flags().Changed(flag) {
					set()
				}
			}
			if u, err = a.Accounts().Edit(c.Context(), u.ID, change); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "User %s changed.\n", u.Name)
			return nil
		}),
	}
	c.Flags().StringVar(&fullname, "fullname", "", "full name")
	c.Flags().StringVar(&email, "email", "", "e-mail address; a new one counts as not verified")
	c.Flags().BoolVar(&verified, "email-verified", false, "whether the address is the user's")
	c.Flags().BoolVar(&admin, "admin", false, "whether the user is an administrator of the hub")
	c.MarkFlagsOneRequired("fullname", "email", "email-verified", "admin")
	return c
}

func userDisable() *cobra.Command {
	var reason string
	c := userChange("disable", "Stop a user from doing anything; what they own stays", "disabled",
		func(s *account.Service, ctx context.Context, id string) error { return s.DisableFor(ctx, id, reason) })
	c.Flags().StringVar(&reason, "reason", "", "for who reads the audit log")
	return c
}

func userResetPassword() *cobra.Command {
	return &cobra.Command{
		Use:   "reset-password NAME",
		Short: "Print a link by which a user chooses a new password; it works once, within an hour",
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			link, until, err := a.Accounts().ResetLink(c.Context(), u.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\nThe link works once, until %s.\n", link, date(until))
			return nil
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
