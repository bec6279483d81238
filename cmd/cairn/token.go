package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

func tokenCommand() *cobra.Command {
	return group("token", "Manage access tokens", tokenCreate(), tokenList(), tokenRotate(), tokenRevoke(), tokenRevokeLeaked())
}

func tokenCreate() *cobra.Command {
	var n account.NewToken
	var role string
	var fromStdin bool
	var life time.Duration
	var on []string
	var gated bool
	c := &cobra.Command{
		Use:   "create USER --name N [--role read|write|fineGrained] [--on …] [--value-stdin]",
		Short: "Make an access token and print it, once",
		Long: "Make an access token and print it, once. With --value-stdin the token of another hub is imported, so that\n" +
			"clients keep theirs.\n\n" +
			"A token with the role fineGrained may what --on says, and never more than its user: --on user:NAME=PERMISSIONS,\n" +
			"--on org:NAME=…, --on model:NS/NAME=…, also dataset: and space:. Permissions, joined by commas: repo.content.read,\n" +
			"repo.access.read, repo.write, discussion.write, and on an org org.read, org.write.",
		Args: exactArgs("USER"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			n.Role = hub.TokenRole(role)
			if n.Scopes, err = scopes(c.Context(), a, on, gated); err != nil {
				return err
			}
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
	c.Flags().StringVar(&role, "role", "read", "read, write or fineGrained")
	c.Flags().StringArrayVar(&on, "on", nil, "what a fine-grained token may: TYPE:NAME=PERMISSION,…; may be repeated")
	c.Flags().BoolVar(&gated, "gated", false, "let a fine-grained token read public gated repositories that its user may read")
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

func tokenRotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate USER NAME|ID",
		Short: "Give a token a new value and print it, once; the old one works no more",
		Args:  exactArgs("USER", "NAME|ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			u, err := a.Accounts().Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			value, _, err := a.Accounts().RotateToken(c.Context(), hub.Actor{}, u.ID, args[1])
			if err == nil {
				fmt.Fprintln(c.OutOrStdout(), value)
			}
			return err
		}),
	}
}

func tokenRevokeLeaked() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke-leaked",
		Short: "Revoke the tokens whose values stand on the standard input, one a line",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			b, err := io.ReadAll(io.LimitReader(c.InOrStdin(), account.MaxLeaked*600))
			if err != nil {
				return err
			}
			values := strings.Fields(string(b))
			if len(values) == 0 {
				return errs.New(errs.Invalid, "the standard input is empty")
			}
			return a.Accounts().RevokeLeaked(c.Context(), values)
		}),
	}
}
