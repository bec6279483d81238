package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/hub"
)

func tokenCommand() *cobra.Command {
	return group("token", "Manage access tokens", tokenCreate(), tokenList(), tokenRevoke())
}

func tokenCreate() *cobra.Command {
	var n account.NewToken
	var role string
	var fromStdin bool
	var life time.Duration
	c := &cobra.Command{
		Use:   "create USER --name N [--role read|write] [--value-stdin]",
		Short: "Make an access token and print it, once",
		Long: "Make an access token and print it, once. With --value-stdin the token of another hub is imported, so that\n" +
			"clients keep theirs.",
		Args: exactArgs("USER"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			n.Role = hub.TokenRole(role)
			if fromStdin {
				if n.Value, err = readSecret(c.InOrStdin()); err != nil {
					return err
				}
			}
			if life != 0 {
				n.ExpiresAt = time.Now().Add(life)
			}
			value, t, err := a.Accounts().CreateToken(c.Context(), u.ID, n)
			if err != nil {
				return err
			}
			if fromStdin {
				fmt.Fprintf(c.OutOrStdout(), "Token %s imported.\n", t.Name)
				return nil
			}
			fmt.Fprintln(c.OutOrStdout(), value)
			return nil
		}),
	}
	c.Flags().StringVar(&n.Name, "name", "", "name to recognise the token by")
	c.Flags().StringVar(&role, "role", "read", "read or write")
	c.Flags().BoolVar(&fromStdin, "value-stdin", false, "import the token on the standard input instead of making one")
	c.Flags().DurationVar(&life, "expires", 0, "life of the token, such as 720h (default: no end)")
	_ = c.MarkFlagRequired("name") // fails for unknown flags only
	return c
}

func tokenList() *cobra.Command {
	return &cobra.Command{
		Use:   "list USER",
		Short: "List a user's tokens",
		Args:  exactArgs("USER"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			tokens, err := a.Accounts().Tokens(c.Context(), u.ID)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "NAME", "ROLE", "TOKEN", "CREATED", "LAST-USED", "EXPIRES")
			for _, k := range tokens {
				row(t, k.ID, k.Name, string(k.Role), k.Hint, date(k.CreatedAt), date(k.LastUsedAt), date(k.ExpiresAt))
			}
			return t.Flush()
		}),
	}
}

func tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke USER NAME|ID",
		Short: "End a token for good",
		Args:  exactArgs("USER", "NAME|ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.Accounts().RevokeToken(c.Context(), u.ID, args[1]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Token %s revoked.\n", args[1])
			return nil
		}),
	}
}
