package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/hub"
)

func keyCommand() *cobra.Command {
	return group("key", "Manage SSH and OpenPGP keys of users, and deploy keys of repositories", keyAdd(), keyList(), keyDelete())
}

// keyring is whose keys a command is about: a user's, or with --repo a repository's.
type keyring struct {
	name   string
	add    func(context.Context, account.NewSSHKey) (*account.SSHKey, error)
	list   func(context.Context) ([]*account.SSHKey, error)
	delete func(ctx context.Context, id string) error
	gpg    *gpgKeys // nil of a repository
}

// keysOf finds the keyring that the arguments name, and gives the arguments behind it.
func keysOf(ctx context.Context, a *app.App, repoPath string, args []string) (*keyring, []string, error) {
	accounts := a.Accounts()
	if repoPath != "" {
		r, err := a.Repo(ctx, repoPath)
		if err != nil {
			return nil, nil, err
		}
		return &keyring{
			name: r.ID().Path(),
			add: func(ctx context.Context, n account.NewSSHKey) (*account.SSHKey, error) {
				return accounts.AddDeployKey(ctx, hub.Actor{}, r.Row(), n)
			},
			list: func(ctx context.Context) ([]*account.SSHKey, error) { return accounts.DeployKeys(ctx, r.RowID) },
			delete: func(ctx context.Context, id string) error {
				return accounts.DeleteDeployKey(ctx, hub.Actor{}, r.Row(), id)
			},
		}, args, nil
	}
	u, err := accounts.Get(ctx, args[0])
	if err != nil {
		return nil, nil, err
	}
	return &keyring{
		name: u.Name,
		add: func(ctx context.Context, n account.NewSSHKey) (*account.SSHKey, error) {
			return accounts.AddSSHKey(ctx, hub.Actor{}, u.ID, n)
		},
		list:   func(ctx context.Context) ([]*account.SSHKey, error) { return accounts.SSHKeys(ctx, u.ID) },
		delete: func(ctx context.Context, id string) error { return accounts.DeleteSSHKey(ctx, hub.Actor{}, u.ID, id) },
		gpg:    &gpgKeys{accounts, u.ID},
	}, args[1:], nil
}

// ownerArgs takes USER before the names, unless --repo says whose keys are meant.
func ownerArgs(repoPath *string, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if *repoPath != "" {
			return exactArgs(names...)(c, args)
		}
		return exactArgs(append([]string{"USER"}, names...)...)(c, args)
	}
}

func keyAdd() *cobra.Command {
	var n account.NewSSHKey
	var repoPath, file string
	c := &cobra.Command{
		Use:   "add (USER | --repo NS/NAME [--write]) [--title T] [--file F]",
		Short: "Add a public SSH key, or a user's OpenPGP key, which is read from the standard input or a file",
		Args:  ownerArgs(&repoPath),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			if n.MayWrite && repoPath == "" {
				return usageError{errors.New("--write goes with --repo: the key of a user may what the user may")}
			}
			ring, _, err := keysOf(c.Context(), a, repoPath, args)
			if err != nil {
				return err
			}
			if n.Key, err = readPublicKey(c.InOrStdin(), file); err != nil {
				return err
			}
			id, fingerprint, err := ring.addAny(c.Context(), n)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Key %s (%s) added to %s.\n", id, fingerprint, ring.name)
			return nil
		}),
	}
	c.Flags().StringVar(&repoPath, "repo", "", "add a deploy key to this repository: ns/name, datasets/ns/name or spaces/ns/name")
	c.Flags().BoolVar(&n.MayWrite, "write", false, "let the deploy key push; else it reads")
	c.Flags().StringVar(&n.Title, "title", "", "title to recognise the key by (default: the key's comment)")
	c.Flags().StringVar(&file, "file", "", "the .pub file to read instead of the standard input")
	return c
}

// addAny adds a key of the kind that it is.
func (k *keyring) addAny(ctx context.Context, n account.NewSSHKey) (id, fingerprint string, err error) {
	if k.gpg != nil && isGPGKey(n.Key) {
		return k.gpg.add(ctx, n.Title, n.Key)
	}
	key, err := k.add(ctx, n)
	if err != nil {
		return "", "", err
	}
	return key.ID, key.Fingerprint, nil
}

func readPublicKey(stdin io.Reader, file string) (string, error) {
	in := stdin
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	const most = 1 << 20
	b, err := io.ReadAll(io.LimitReader(in, most))
	return string(b), err
}

func keyList() *cobra.Command {
	var repoPath string
	c := &cobra.Command{
		Use:   "list (USER | --repo NS/NAME)",
		Short: "List the keys of a user or a repository",
		Args:  ownerArgs(&repoPath),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			ring, _, err := keysOf(c.Context(), a, repoPath, args)
			if err != nil {
				return err
			}
			keys, err := ring.list(c.Context())
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "TITLE", "ALGORITHM", "FINGERPRINT", "WRITE", "CREATED", "LAST-USED")
			for _, k := range keys {
				row(t, k.ID, k.Title, k.Algorithm, k.Fingerprint, yes(k.MayWrite), date(k.CreatedAt), date(k.LastUsedAt))
			}
			if ring.gpg != nil {
				signing, err := ring.gpg.list(c.Context())
				if err != nil {
					return err
				}
				for _, k := range signing {
					row(t, k.ID, k.Title, "openpgp", k.Fingerprint, "-", date(k.CreatedAt), "-")
				}
			}
			return t.Flush()
		}),
	}
	c.Flags().StringVar(&repoPath, "repo", "", "list the deploy keys of this repository")
	return c
}

func keyDelete() *cobra.Command {
	var repoPath string
	c := &cobra.Command{
		Use:   "delete (USER | --repo NS/NAME) ID",
		Short: "Delete a key; it opens nothing and proves nothing from then on",
		Args:  ownerArgs(&repoPath, "ID"),
		RunE: withApp(func(c *cobra.Command, a *app.App, args []string) error {
			ring, rest, err := keysOf(c.Context(), a, repoPath, args)
			if err != nil {
				return err
			}
			if err := ring.gpg.delete(c.Context(), rest[0], ring.delete(c.Context(), rest[0])); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Key %s deleted.\n", rest[0])
			return nil
		}),
	}
	c.Flags().StringVar(&repoPath, "repo", "", "delete a deploy key of this repository")
	return c
}
