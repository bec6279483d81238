package profile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/avatar"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	prefix       = "avatar/"
	maxPicture   = 8 << 20 // bytes of a picture that is read back
	collectEvery = 24 * time.Hour
	collectAge   = 24 * time.Hour // of an upload that no profile shows
	atOnce       = 200
	shownBytes   = 1 << 20
)

// MaxUpload is the size of the largest picture that is taken, in bytes.
const MaxUpload = avatar.MaxBytes

// pictureCache keeps which picture an owner has for as long as nothing in the database changes.
type pictureCache = db.Memo[string, string]

func newPictureCache(d *db.DB) *pictureCache {
	return db.NewMemo[string](d, shownBytes, func(v string) int64 { return int64(64 + len(v)) })
}

// PictureOf is the hash of an owner's picture, empty for who has none of their own.
func (s *Service) PictureOf(ctx context.Context, ownerID string) (string, error) {
	hash, err := s.shown.Get(ownerID, func() (hash string, err error) {
		err = s.db.Get(ctx, &hash, getPicture, ownerID)
		if db.IsNoRows(err) {
			return "", nil
		}
		return hash, err
	})
	return hash, errs.Wrap("profile.PictureOf", err)
}

// SetPicture gives an owner the picture that is made of an upload, and says how many bytes it has. Each upload has an
// object of its own in the store, so that no collection can take what somebody shows anew.
func (s *Service) SetPicture(ctx context.Context, o account.Owner, src io.ReadSeeker) (size int64, err error) {
	pic, err := s.maker.Square(ctx, src)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(pic)
	hash := hex.EncodeToString(sum[:])
	key := prefix + hash + "-" + hub.NewID()
	if err := blob.PutBytes(ctx, s.d.Blobs, key, pic); err != nil {
		return 0, errs.Wrap("profile.SetPicture", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, putPicture, o.ID, hash, key, s.now()); err != nil {
			return err
		}
		return s.record(ctx, tx, "avatar", o, map[string]any{"name": o.Name, "sha256": hash})
	})
	return int64(len(pic)), errs.Wrap("profile.SetPicture", err)
}

// DropPicture gives an owner back the picture that is drawn from the name; it is fine when that is what they have.
func (s *Service) DropPicture(ctx context.Context, o account.Owner) error {
	return errs.Wrap("profile.DropPicture", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, dropPicture, s.now(), o.ID)
		if err != nil || n == 0 {
			return err
		}
		return s.record(ctx, tx, "avatar", o, map[string]any{"name": o.Name, "sha256": nil})
	}))
}

var pictureHash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Picture reads a JPEG by its hash, as long as somebody shows it.
func (s *Service) Picture(ctx context.Context, hash string) ([]byte, error) {
	gone := errs.New(errs.NotFound, "There is no such picture.")
	if !pictureHash.MatchString(hash) {
		return nil, gone
	}
	var key string
	err := s.db.Get(ctx, &key, getPictureKey, hash)
	if db.IsNoRows(err) {
		return nil, gone
	}
	if err != nil {
		return nil, errs.Wrap("profile.Picture", err)
	}
	in, err := s.d.Blobs.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, errs.Wrap("profile.Picture", err)
	}
	defer in.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(in, maxPicture)); err != nil {
		return nil, errs.Wrap("profile.Picture", err)
	}
	if sum := sha256.Sum256(b.Bytes()); hex.EncodeToString(sum[:]) != hash {
		return nil, errs.Wrap("profile.Picture", &errs.Error{Kind: errs.Internal, Msg: "the picture " + key + " is damaged"})
	}
	return b.Bytes(), nil
}

// PictureFor is the JPEG of an owner: its own, or else the one drawn from the name. The hash is empty for a drawing.
func (s *Service) PictureFor(ctx context.Context, o account.Owner) (jpeg []byte, hash string, err error) {
	if hash, err = s.PictureOf(ctx, o.ID); err != nil || hash == "" {
		if err == nil {
			jpeg, err = s.maker.JPEG(o.Name)
		}
		return jpeg, "", err
	}
	jpeg, err = s.Picture(ctx, hash)
	return jpeg, hash, err
}

// Collect deletes the pictures that no profile shows and that are older than a day, unless somebody holds the hub: no profile
// ever shows one again, since each upload has a key of its own. Running it twice does no harm.
func (s *Service) Collect(ctx context.Context) error {
	after := ""
	for {
		list, err := s.d.Blobs.List(ctx, prefix, after, atOnce)
		if err != nil || len(list) == 0 {
			return errs.Wrap("profile.Collect", err)
		}
		if err := s.free(ctx, list); err != nil {
			return errs.Wrap("profile.Collect", err)
		}
		after = list[len(list)-1].Key
	}
}

func (s *Service) free(ctx context.Context, list []blob.Info) error {
	keys := make([]string, len(list))
	for i, b := range list {
		keys[i] = b.Key
	}
	query, args, err := db.In(keysShown, keys)
	if err != nil {
		return err
	}
	var shown []string
	var held bool
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		shown = nil
		if held, err = hold.Live(ctx, tx); held || err != nil {
			return err
		}
		return tx.Select(ctx, &shown, query, args...)
	})
	if held || err != nil {
		return err
	}
	kept := " " + strings.Join(shown, " ") + " "
	for _, b := range list {
		if s.d.Now().Sub(b.ModTime) < collectAge || strings.Contains(kept, " "+b.Key+" ") {
			continue
		}
		if err := s.d.Blobs.Delete(ctx, b.Key); err != nil {
			return err
		}
		s.d.Log.Debug("picture collected", "key", b.Key)
	}
	return nil
}
