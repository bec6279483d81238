package main

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// gpgKeys are a user's OpenPGP keys, beside the SSH keys. A key in armour tells itself apart, and ids are unique.
type gpgKeys struct {
	accounts *account.Service
	userID   string
}

func isGPGKey(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN PGP") }

func (g *gpgKeys) add(ctx context.Context, title, armored string) (id, fingerprint string, err error) {
	k, err := g.accounts.AddGPGKey(ctx, hub.Actor{}, g.userID, title, armored)
	if err != nil {
		return "", "", err
	}
	return k.ID, k.Fingerprint, nil
}

func (g *gpgKeys) list(ctx context.Context) ([]*account.GPGKey, error) {
	return g.accounts.GPGKeys(ctx, g.userID)
}

// delete deletes the key with the id, after no SSH key was found to have it.
func (g *gpgKeys) delete(ctx context.Context, id string, err error) error {
	if g == nil || !errs.Is(err, errs.NotFound) {
		return err
	}
	return g.accounts.DeleteGPGKey(ctx, hub.Actor{}, g.userID, id)
}
