package main

import (
	"bytes"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/site"
)

func siteCommand() *cobra.Command {
	return group("site", "See and change what administrators choose while the hub runs", siteShow(), siteSet())
}

func siteShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the settings as JSON",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			s, err := a.Site().Get(c.Context())
			if err != nil {
				return err
			}
			return printSite(c, s)
		}),
	}
}

func siteSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set JSON",
		Short: "Change settings; what is left out stays",
		Example: `  cairn site set '{"registration": "open"}'
  cairn site set '{"userQuota": {"private": 50000000000}}'`,
		Args: exactArgs("JSON"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			s, err := a.Site().Update(c.Context(), func(s *site.Settings) error {
				d := json.NewDecoder(bytes.NewReader([]byte(args[0])))
				d.DisallowUnknownFields()
				if err := d.Decode(s); err != nil {
					return errs.New(errs.Invalid, "write settings as 'cairn site show' prints them, those that are to change: %v", err)
				}
				return nil
			})
			if err != nil {
				return err
			}
			return printSite(c, s)
		}),
	}
}

func printSite(c *cobra.Command, s site.Settings) error {
	enc := json.NewEncoder(c.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}
