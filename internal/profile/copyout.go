package profile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// KeyPrefix begins the keys of all pictures.
const KeyPrefix = prefix

const selectPictureKeys = `SELECT picture_key FROM profile WHERE picture_key <> ''`

// EachObject calls fn with the key of every picture that a profile shows, in no order. It holds one query open.
func EachObject(ctx context.Context, q db.Queryer, fn func(key string, size int64) error) error {
	rows, err := q.Query(ctx, selectPictureKeys)
	if err != nil {
		return errs.Wrap("profile.EachObject", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return errs.Wrap("profile.EachObject", err)
		}
		if err := fn(key, -1); err != nil {
			return err
		}
	}
	return errs.Wrap("profile.EachObject", rows.Err())
}

var errCorruptCopy = errors.New("the picture does not hash to its name")

// CopyObject writes a picture to w, which must hash to its key; if it does not, the error is [blob.ErrDamaged].
func CopyObject(ctx context.Context, src blob.Store, key string, w io.Writer) (int64, error) {
	pic, err := blob.GetBytes(ctx, src, key, maxPicture)
	if err != nil {
		return 0, blob.Damaged(key, err)
	}
	sum := sha256.Sum256(pic)
	if name, _, _ := strings.Cut(strings.TrimPrefix(key, prefix), "-"); name != hex.EncodeToString(sum[:]) {
		return 0, blob.Damaged(key, errCorruptCopy, errCorruptCopy)
	}
	return io.Copy(w, bytes.NewReader(pic))
}
