package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

func orgCommand() *cobra.Command {
	return group("org", "Manage organizations", orgCreate(), orgList(), orgAddMember(), orgRemoveMember(), orgRename(), orgDelete())
}

func orgCreate() *cobra.Command {
	var n org.NewOrg
	var admin string
	c := &cobra.Command{
		Use:   "create NAME --admin USER",
		Short: "Make an organization with its first admin",
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), admin)
			if err != nil {
				return err
			}
			n.Name, n.AdminID = args[0], u.ID
			o, err := a.Orgs().Create(c.Context(), n)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Organization %s created.\n", o.Name)
			return nil
		}),
	}
	c.Flags().StringVar(&admin, "admin", "", "user who becomes its first admin")
	c.Flags().StringVar(&n.Fullname, "fullname", "", "full name")
	c.Flags().BoolVar(&n.SkipNameCheck, "skip-name-check", false, "allow a name that only another hub would allow")
	_ = c.MarkFlagRequired("admin") // fails for unknown flags only
	return c
}

func orgList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the organizations",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			t := table(c.OutOrStdout(), "NAME", "FULLNAME", "CREATED")
			for p := (hub.Page{}); ; {
				orgs, next, err := a.Orgs().List(c.Context(), p)
				if err != nil {
					return err
				}
				for _, o := range orgs {
					row(t, o.Name, o.Fullname, date(o.CreatedAt))
				}
				if p.Cursor = next; next == "" {
					return t.Flush()
				}
			}
		}),
	}
}

func orgAddMember() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "add-member ORG USER [--role read|contributor|write|admin]",
		Short: "Make a user a member, or change the role of one",
		Args:  exactArgs("ORG", "USER"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			o, u, err := orgAndUser(c, a, args)
			if err != nil {
				return err
			}
			if err := a.Orgs().SetMember(c.Context(), o.ID, u.ID, hub.Role(role)); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "User %s has the role %s in %s.\n", u.Name, role, o.Name)
			return nil
		}),
	}
	c.Flags().StringVar(&role, "role", "read", "read, contributor, write or admin")
	return c
}

// orgAndUser finds what ORG and USER name.
func orgAndUser(c *cobra.Command, a *app.App, args []string) (*org.Org, *account.User, error) {
	o, err := a.Orgs().Get(c.Context(), args[0])
	if err != nil {
		return nil, nil, err
	}
	u, err := a.Accounts().Get(c.Context(), args[1])
	return o, u, err
}

func orgRemoveMember() *cobra.Command {
	return &cobra.Command{
		Use:   "remove-member ORG USER",
		Short: "End a membership",
		Args:  exactArgs("ORG", "USER"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			o, u, err := orgAndUser(c, a, args)
			if err != nil {
				return err
			}
			if err := a.Orgs().RemoveMember(c.Context(), o.ID, u.ID); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "User %s is no member of %s any more.\n", u.Name, o.Name)
			return nil
		}),
	}
}

func orgRename() *cobra.Command {
	return &cobra.Command{
		Use:   "rename ORG NAME",
		Short: "Give an organization another name; the old one leads to it",
		Args:  exactArgs("ORG", "NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			o, err := a.Orgs().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			was := o.Name
			if o, err = a.Orgs().Rename(c.Context(), o.ID, args[1]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Organization %s is now %s.\n", was, o.Name)
			return nil
		}),
	}
}

func orgDelete() *cobra.Command {
	var withRepos bool
	c := &cobra.Command{
		Use:   "delete ORG",
		Short: "Remove an organization; its name stays held for 90 days",
		Args:  exactArgs("ORG"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			o, err := a.Orgs().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.Orgs().Delete(c.Context(), operator, o.ID, org.Removal{Confirm: o.Name, WithRepos: withRepos}); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Organization %s deleted.\n", o.Name)
			return nil
		}),
	}
	c.Flags().BoolVar(&withRepos, "with-repos", false, "delete all its repositories first; otherwise it must have none")
	return c
}
