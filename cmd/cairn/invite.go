package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/hub"
)

func inviteCommand() *cobra.Command {
	return group("invite", "Manage invitations to the hub", inviteCreate(), inviteList(), inviteRevoke())
}

func inviteCreate() *cobra.Command {
	var n account.NewInvite
	var org, role string
	c := &cobra.Command{
		Use:   "create [--email E] [--org ORG --role ROLE] [--uses N] [--expires 168h]",
		Short: "Invite somebody to the hub: by e-mail, else print a link to hand on",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			if org != "" {
				o, err := a.Orgs().Get(c.Context(), org)
				if err != nil {
					return err
				}
				n.OrgID = o.ID
			}
			n.Role = hub.Role(role)
			inv, link, err := a.Accounts().CreateInvite(c.Context(), n)
			if err != nil {
				return err
			}
			if link == "" {
				fmt.Fprintf(c.OutOrStdout(), "Invitation %s goes to %s.\n", inv.ID, inv.Email)
				return nil
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\nInvitation %s works %d times, until %s.\n", link, inv.ID, inv.MaxUses, date(inv.ExpiresAt))
			return nil
		}),
	}
	c.Flags().StringVar(&n.Email, "email", "", "send it to this address")
	c.Flags().StringVar(&org, "org", "", "organization that it makes a member of")
	c.Flags().StringVar(&role, "role", "", "role there: read, contributor, write or admin")
	c.Flags().Int64Var(&n.MaxUses, "uses", 1, "how many accounts may be made by it")
	c.Flags().DurationVar(&n.Life, "expires", 0, "how long it works (default 168h)")
	c.MarkFlagsRequiredTogether("org", "role")
	return c
}

func inviteList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the invitations that can still be used",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			t := table(c.OutOrStdout(), "ID", "EMAIL", "ROLE", "USED", "OF", "CREATED", "EXPIRES")
			for p := (hub.Page{}); ; {
				list, next, err := a.Accounts().Invites(c.Context(), p)
				if err != nil {
					return err
				}
				for _, i := range list {
					row(t, i.ID, i.Email, string(i.Role), fmt.Sprint(i.Uses), fmt.Sprint(i.MaxUses), date(i.CreatedAt), date(i.ExpiresAt))
				}
				if p.Cursor = next; next == "" {
					return t.Flush()
				}
			}
		}),
	}
}

func inviteRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End an invitation",
		Args:  exactArgs("ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			if err := a.Accounts().RevokeInvite(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Invitation %s revoked.\n", args[0])
			return nil
		}),
	}
}
