package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/quota"
)

func quotaCommand() *cobra.Command {
	return group("quota", "See and set what users, organizations and repositories may store", quotaShow(), quotaSet(), quotaSetRepo())
}

func quotaShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show what a user or an organization stores and may store",
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			o, err := a.Accounts().Namespace(c.Context(), nil, args[0])
			if err != nil {
				return err
			}
			q, err := a.Quota().Of(c.Context(), o)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "VISIBILITY", "BYTES", "LIMIT", "SET-BY")
			for _, s := range []struct {
				name string
				quota.Share
			}{{"private", q.Private}, {"public", q.Public}} {
				by := "default"
				if s.Own != nil {
					by = "administrator"
				}
				row(t, s.name, fmt.Sprint(s.Used), limitText(s.Limit), by)
			}
			return t.Flush()
		}),
	}
}

func quotaSet() *cobra.Command {
	var private, public string
	c := &cobra.Command{
		Use:   "set NAME [--private LIMIT] [--public LIMIT]",
		Short: "Set what a user or an organization may store",
		Long:  "Set what a user or an organization may store: a number of bytes, also with k, M, G or T (decimal), none, or default.",
		Args:  exactArgs("NAME"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) (err error) {
			o, err := a.Accounts().Namespace(c.Context(), nil, args[0])
			if err != nil {
				return err
			}
			var q quota.Change
			if q.SetPrivate = c.Flags().Changed("private"); q.SetPrivate {
				if q.Private, err = parseLimit(private); err != nil {
					return err
				}
			}
			if q.SetPublic = c.Flags().Changed("public"); q.SetPublic {
				if q.Public, err = parseLimit(public); err != nil {
					return err
				}
			}
			if err := a.Quota().SetOwner(c.Context(), operator, o, q); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Quota of %s set.\n", o.Name)
			return nil
		}),
	}
	c.Flags().StringVar(&private, "private", "", "limit of private repositories")
	c.Flags().StringVar(&public, "public", "", "limit of public repositories")
	c.MarkFlagsOneRequired("private", "public")
	return c
}

func quotaSetRepo() *cobra.Command {
	return &cobra.Command{
		Use:   "set-repo REPO LIMIT",
		Short: "Set what a repository may store",
		Args:  exactArgs("REPO", "LIMIT"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			limit, err := parseLimit(args[1])
			if err != nil {
				return err
			}
			r, err := a.Repo(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.Quota().SetRepo(c.Context(), operator, r.RowID, limit); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Quota of %s set.\n", r.ID().Path())
			return nil
		}),
	}
}

func limitText(limit int64) string {
	if limit < 0 {
		return "none"
	}
	return fmt.Sprint(limit)
}

var units = map[byte]int64{'k': 1e3, 'M': 1e6, 'G': 1e9, 'T': 1e12}

// parseLimit reads a limit in bytes: -1 for none, nil for the hub's default.
func parseLimit(s string) (*int64, error) {
	none := int64(-1)
	switch s {
	case "default":
		return nil, nil //nolint:nilnil // the hub's default
	case "none":
		return &none, nil
	case "":
		return nil, usageError{fmt.Errorf("a limit is missing")}
	}
	factor, known := units[s[len(s)-1]]
	if !known {
		factor = 1
	} else {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	const most = 1 << 60
	if err != nil || n < 0 || n > most/factor {
		return nil, usageError{fmt.Errorf("%q is no limit: write bytes such as 500000000 or 500M, none, or default", s)}
	}
	n *= factor
	return &n, nil
}
