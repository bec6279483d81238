package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

func repoCommand() *cobra.Command {
	return group("repo", "Manage repositories: ns/name, datasets/ns/name, spaces/ns/name", repoList(), repoDisable(),
		repoChange("enable REPO", "Open a disabled repository again", []string{"REPO"}, "enabled",
			func(ctx context.Context, a *app.App, r *repo.Repo, _ []string) error {
				return a.Repos().SetDisabled(ctx, operator, r.ID(), false, "")
			}),
		repoChange("visibility REPO public|private", "Change who sees a repository", []string{"REPO", "VISIBILITY"}, "changed", setVisibility),
		repoChange("move REPO NS/NAME", "Give a repository another name; the old one leads to it", []string{"REPO", "NS/NAME"}, "moved", moveRepo),
		repoDeleted(), repoUndelete(),
		repoChange("delete REPO", "Remove a repository; see undelete", []string{"REPO"}, "deleted",
			func(ctx context.Context, a *app.App, r *repo.Repo, _ []string) error {
				return a.Repos().Delete(ctx, operator, r.ID())
			}),
	)
}

func repoList() *cobra.Command {
	var q repo.OverviewQuery
	var owner, typ string
	var disabled bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List all repositories",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			if typ != "" {
				var ok bool
				if q.Type, ok = hub.ParseRepoType(typ); !ok {
					return usageError{fmt.Errorf("a type is model, dataset or space, not %q", typ)}
				}
			}
			if owner != "" {
				o, err := a.Accounts().Namespace(c.Context(), nil, owner)
				if err != nil {
					return err
				}
				q.OwnerID = o.ID
			}
			if c.Flags().Changed("disabled") {
				q.Disabled = &disabled
			}
			t := table(c.OutOrStdout(), "REPO", "VISIBILITY", "STATUS", "BYTES", "CREATED", "CHANGED")
			for {
				repos, next, err := a.Repos().Overviews(c.Context(), q)
				if err != nil {
					return err
				}
				for _, r := range repos {
					status := "enabled"
					if r.Disabled {
						status = "disabled"
					}
					row(t, r.ID.Path(), string(r.Visibility), status, fmt.Sprint(r.UsedStorage), date(r.CreatedAt), date(r.ModifiedAt))
				}
				if q.Page.Cursor = next; next == "" {
					return t.Flush()
				}
			}
		}),
	}
	c.Flags().StringVar(&q.Search, "search", "", "only those with this in their name")
	c.Flags().StringVar(&owner, "owner", "", "only those of this user or organization")
	c.Flags().StringVar(&typ, "type", "", "only model, dataset or space")
	c.Flags().BoolVar(&disabled, "disabled", false, "only disabled ones; =false: only others")
	return c
}

func repoDisable() *cobra.Command {
	var reason string
	c := repoChange("disable REPO", "Shut a repository to all but administrators of the hub", []string{"REPO"}, "disabled",
		func(ctx context.Context, a *app.App, r *repo.Repo, _ []string) error {
			return a.Repos().SetDisabled(ctx, operator, r.ID(), true, reason)
		})
	c.Flags().StringVar(&reason, "reason", "", "for who reads the audit log")
	return c
}

func repoChange(use, short string, names []string, done string, f func(ctx context.Context, a *app.App, r *repo.Repo, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactArgs(names...),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			r, err := a.Repo(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := f(c.Context(), a, r, args[1:]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Repository %s %s.\n", r.ID().Path(), done)
			return nil
		}),
	}
}

func setVisibility(ctx context.Context, a *app.App, r *repo.Repo, args []string) error {
	word, err := json.Marshal(args[0])
	if err != nil {
		return err
	}
	_, err = a.Repos().SetSettings(ctx, operator, r, repo.Settings{"visibility": word})
	return err
}

func moveRepo(ctx context.Context, a *app.App, r *repo.Repo, args []string) error {
	to, ok := hub.ParseRepoPath(args[0])
	if !ok || to.Type != hub.Model {
		return errs.New(errs.Invalid, "%q is no new name: write namespace/name", args[0])
	}
	to.Type = r.Type
	_, err := a.Repos().Move(ctx, operator, r.ID(), to)
	return err
}

func repoDeleted() *cobra.Command {
	return &cobra.Command{
		Use:   "deleted",
		Short: "List deleted repositories that may be brought back",
		Args:  exactArgs(),
		RunE: withApp(func(c *cobra.Command, a *app.App, _ []string) error {
			t := table(c.OutOrStdout(), "ID", "REPO", "BYTES", "DELETED", "UNTIL")
			err := a.Repos().Deleted(c.Context(), func(d repo.Deleted) error {
				until := date(d.Until)
				if d.Held {
					until = "held"
				}
				row(t, d.RowID, d.ID.Path(), fmt.Sprint(d.Bytes), date(d.At), until)
				return nil
			})
			if err != nil {
				return err
			}
			return t.Flush()
		}),
	}
}

func repoUndelete() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "undelete ID",
		Short: "Bring a deleted repository back",
		Long: "Bring a deleted repository back, with its history, files and settings. Its owner must have room for it. Likes, deploy\n" +
			"keys, file locks and old names that led to it do not come back. 'cairn repo deleted' lists ids.",
		Args: exactArgs("ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			var to hub.RepoID
			if name != "" {
				var ok bool
				if to, ok = hub.ParseRepoPath(name); !ok || to.Type != hub.Model {
					return usageError{fmt.Errorf("%q is no new name: write namespace/name", name)}
				}
			}
			r, err := a.Repos().Undelete(c.Context(), operator, args[0], to)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Repository %s is back.\n", r.ID().Path())
			return nil
		}),
	}
	c.Flags().StringVar(&name, "name", "", "another name: namespace/name")
	return c
}
