package profile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// PicturePrefix is what the keys of pictures in the store begin with.
const PicturePrefix = prefix

// errPicture is what Verify says of a picture with other bytes.
var errPicture = errors.New("the bytes do not hash to its name")

// Shown is a picture that somebody shows.
type Shown struct {
	OwnerID string `db:"owner_id"`
	Hash    string `db:"picture"` // hex SHA-256
	Key     string `db:"picture_key"`
}

// Pictures lists the pictures of owners, in the order of their ids, up to limit after one.
func (s *Service) Pictures(ctx context.Context, after string, limit int) (rows []Shown, err error) {
	err = s.db.Select(ctx, &rows, listPictures, after, limit)
	return rows, errs.Wrap("profile.Pictures", err)
}

// Verify reads a picture where it is kept for good; with less than [blob.Data], it is only seen that it is there. Damage
// is [blob.ErrDamaged]; a picture that is not shown any more is errs.NotFound.
func (s *Service) Verify(ctx context.Context, p Shown, level blob.Level) error {
	err := s.verify(ctx, p, level)
	if !errors.Is(err, blob.ErrDamaged) {
		return err
	}
	// Another picture may be shown by now, and this one be collected.
	var key string
	e := s.db.Get(ctx, &key, getKeyOf, p.OwnerID)
	switch {
	case db.IsNoRows(e) || e == nil && key != p.Key:
		return errs.New(errs.NotFound, "The picture is not shown any more")
	case e != nil:
		return errs.Wrap("profile.Verify", e)
	}
	return s.verify(ctx, p, level)
}

func (s *Service) verify(ctx context.Context, p Shown, level blob.Level) error {
	if level < blob.Data {
		_, err := s.d.Blobs.Stat(ctx, p.Key)
		return blob.Damaged(p.Key, err)
	}
	r, err := blob.OpenUncached(ctx, s.d.Blobs, p.Key, 0, -1)
	if err != nil {
		return blob.Damaged(p.Key, err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return blob.Damaged(p.Key, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != p.Hash {
		return blob.Damaged(p.Key, errPicture, errPicture)
	}
	return nil
}

// Unknown are those of some blobs' keys that nobody shows.
func (s *Service) Unknown(ctx context.Context, keys []string) (unknown []string, err error) {
	query, args, err := db.In(keysShown, keys)
	if err != nil {
		return nil, errs.Wrap("profile.Unknown", err)
	}
	var shown []string
	if err := s.db.Select(ctx, &shown, query, args...); err != nil {
		return nil, errs.Wrap("profile.Unknown", err)
	}
	known := make(map[string]bool, len(shown))
	for _, k := range shown {
		known[k] = true
	}
	for _, k := range keys {
		if !known[k] {
			unknown = append(unknown, k)
		}
	}
	return unknown, nil
}
