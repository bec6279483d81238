package account

import (
	"bytes"
	"context"
	"crypto/rand"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

const secretSize = 32

// Secret is the hub's key of that name: 32 random bytes, made when first asked for and the same on every node from then
// on.
func (s *Service) Secret(ctx context.Context, name string) ([]byte, error) {
	if v, ok := s.secrets.Load(name); ok {
		return bytes.Clone(v.([]byte)), nil
	}
	var value []byte
	err := s.db.Get(ctx, &value, getSecret, name)
	if db.IsNoRows(err) {
		err = s.db.Tx(ctx, func(tx *db.Tx) error {
			fresh := make([]byte, secretSize)
			_, _ = rand.Read(fresh)
			if _, err := tx.Exec(ctx, insertSecret, name, fresh); err != nil {
				return err
			}
			return tx.Get(ctx, &value, getSecret, name) // another node may have been first
		})
	}
	if err != nil {
		return nil, errs.Wrap("account.Secret", err)
	}
	s.secrets.Store(name, value)
	return bytes.Clone(value), nil
}
