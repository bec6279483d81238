package profile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

// Replica is where copies of pictures may be, under the same keys.
type Replica interface {
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
}

// pictureAt is a place where a picture may be.
type pictureAt struct {
	how string
	in  Replica
	key string
}

// MendPicture puts a damaged picture back from a replica, or from where somebody else shows the same. how is "sound",
// "replica" or "elsewhere"; empty: nobody has it. A dry run only says so.
func (s *Service) MendPicture(ctx context.Context, key string, replicas []Replica, dry bool) (how string, err error) {
	hash, _, _ := strings.Cut(strings.TrimPrefix(key, prefix), "-")
	if !strings.HasPrefix(key, prefix) || !pictureHash.MatchString(hash) {
		return "", errs.New(errs.Invalid, "%q is not the key of a picture", key)
	}
	places, err := s.pictureAt(ctx, key, hash, replicas)
	if err != nil {
		return "", errs.Wrap("profile.MendPicture", err)
	}
	for _, p := range places {
		pic, err := readPicture(ctx, p, hash)
		if err == nil && pic != nil && p.how != "sound" && !dry {
			err = blob.PutBytes(ctx, s.d.Blobs, key, pic)
		}
		if err != nil || pic != nil {
			return p.how, errs.Wrap("profile.MendPicture", err)
		}
	}
	return "", nil
}

func (s *Service) pictureAt(ctx context.Context, key, hash string, replicas []Replica) ([]pictureAt, error) {
	places := []pictureAt{{"sound", s.d.Blobs, key}}
	for _, r := range replicas {
		places = append(places, pictureAt{"replica", r, key})
	}
	var twins []string
	err := s.db.Select(ctx, &twins, keysOfPicture, hash, key)
	for _, t := range twins {
		places = append(places, pictureAt{"elsewhere", s.d.Blobs, t})
	}
	return places, err
}

// readPicture reads a picture if it is there and whole; nil if not. An error is not about its bytes.
func readPicture(ctx context.Context, p pictureAt, hash string) ([]byte, error) {
	in, err := p.in.Open(ctx, p.key, 0, -1)
	var b []byte
	if err == nil {
		defer in.Close()
		b, err = io.ReadAll(io.LimitReader(in, maxPicture))
	}
	if err != nil && errors.Is(blob.Damaged(p.key, err), blob.ErrDamaged) {
		return nil, nil
	}
	if sum := sha256.Sum256(b); err != nil || hex.EncodeToString(sum[:]) != hash {
		return nil, err
	}
	return b, nil
}
