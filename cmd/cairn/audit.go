package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/audit"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

func auditCommand() *cobra.Command {
	return group("audit", "Read the log of what happened, and check that it is whole", auditList(), auditVerify())
}

func auditList() *cobra.Command {
	var owner, repo, since string
	var limit int
	var lines bool
	c := &cobra.Command{
		Use:   "list [SEARCH]",
		Short: "List what happened, the newest first",
		Long: "List what happened, the newest first. SEARCH narrows it down: author:NAME, ip:ADDRESS, type:EVENT and words of the\n" +
			"message, all in one argument.",
		Args: cobra.MaximumNArgs(1),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			f, err := auditFilter(c, a, owner, repo, since)
			if err != nil {
				return err
			}
			q, err := audit.Parse(strings.Join(args, ""), f)
			if err != nil {
				return err
			}
			return printAudit(c, a, q, limit, lines)
		}),
	}
	c.Flags().StringVar(&owner, "owner", "", "only the log of this user or organization")
	c.Flags().StringVar(&repo, "repo", "", "only what happened to this repository (ns/name, datasets/ns/name …)")
	c.Flags().StringVar(&since, "since", "", "only what is not older, such as 24h or 2026-01-31")
	c.Flags().IntVar(&limit, "limit", 100, "how many lines at most; 0: all")
	c.Flags().BoolVar(&lines, "json", false, "print one JSON object a line, with all that is known")
	return c
}

func auditFilter(c *cobra.Command, a *app.App, owner, repo, since string) (f event.Filter, err error) {
	if owner != "" {
		o, err := a.Accounts().Namespace(c.Context(), nil, owner)
		if err != nil {
			return f, err
		}
		f.OwnerID = o.ID
	}
	if repo != "" {
		r, err := a.Repo(c.Context(), repo)
		if err != nil {
			return f, err
		}
		f.RepoID = r.RowID
	}
	if since != "" {
		f.From, err = moment(since, time.Now())
	}
	return f, err
}

// moment reads a day, an instant, or how long ago.
func moment(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("%q is no time: write 24h, 2026-01-31 or 2026-01-31T12:00:00Z", s)}
}

func printAudit(c *cobra.Command, a *app.App, q audit.Query, limit int, lines bool) error {
	t := table(c.OutOrStdout(), "TIME", "ACTOR", "ADDRESS", "EVENT", "MESSAGE")
	enc := json.NewEncoder(c.OutOrStdout())
	for p, n := (hub.Page{Limit: event.MaxPage}), 0; ; {
		list, next, err := a.Audit().List(c.Context(), q, p)
		if err != nil {
			return err
		}
		for _, e := range audit.Show(list) {
			if n++; limit > 0 && n > limit {
				next = ""
				break
			}
			if lines {
				err = enc.Encode(e)
			} else {
				row(t, e.CreatedAt, e.Author.User, e.IP, e.Kind, e.Message)
			}
			if err != nil {
				return err
			}
		}
		if p.Cursor = next; next == "" {
			break
		}
	}
	if lines {
		return nil
	}
	return t.Flush()
}

func auditVerify() *cobra.Command {
	var head string
	c := &cobra.Command{
		Use:   "verify [--head SEQ:HASH]",
		Short: "Check that nobody has changed the log",
		Long: "Check that nobody has changed the log, and name the first event that is not what was sealed. With --head, also that\n" +
			"nobody has sealed it anew or cut off its end: give a head that the hub wrote into its log file (\"events sealed\n" +
			"head=SEQ:HASH\"), from a copy that those who run the hub cannot change.",
		Args: exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			v, err := a.VerifyAudit(c.Context(), head)
			if err != nil {
				return err
			}
			if b := v.Broken; b != nil && b.EventID != 0 {
				return fmt.Errorf("the log is not whole: event %d %s", b.EventID, b.What)
			} else if b != nil {
				return fmt.Errorf("the log is not whole: %s", b.What)
			}
			fmt.Fprintf(c.OutOrStdout(), "The log is whole: %d events, head %s, %d wait for their seal.\n", v.Head.Seq, v.Head, v.Waiting)
			return nil
		}),
	}
	c.Flags().StringVar(&head, "head", "", "a head that was noted before")
	return c
}
