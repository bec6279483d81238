package fsck

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/profile"
)

// inFlight is the age up to which bytes without a row are those of an upload that goes on.
const inFlight = 24 * time.Hour

// orphans looks through all objects for those that no row names. They are no damage: what died between its bytes and its
// row, and what was given up and not freed yet.
func (c *Checker) orphans(ctx context.Context) error {
	if !c.o.Orphans || c.o.Repo != nil {
		return nil
	}
	for _, place := range []struct {
		kind    Kind
		prefix  string
		unknown func(context.Context, []string) ([]string, error)
	}{
		{OrphanXorb, "xorbs/", c.d.Xet.Unknown},
		{OrphanPack, "git/", c.d.Git.Unknown},
		{OrphanPicture, profile.PicturePrefix, c.d.Profiles.Unknown},
	} {
		if err := c.orphansOf(ctx, place.kind, place.prefix, place.unknown); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checker) orphansOf(ctx context.Context, kind Kind, prefix string, unknown func(context.Context, []string) ([]string, error)) error {
	for after := ""; ; {
		list, err := c.d.Blobs.List(ctx, prefix, after, page)
		if err != nil {
			return err
		}
		old := map[string]blob.Info{}
		var keys []string
		for _, b := range list {
			if time.Since(b.ModTime) > c.o.Young {
				old[b.Key] = b
				keys = append(keys, b.Key)
			}
		}
		if len(keys) > 0 {
			orphans, err := unknown(ctx, keys)
			if err != nil {
				return err
			}
			for _, key := range orphans {
				b := old[key]
				c.found.add(kind, key, bytesText(b.Size)+", of "+b.ModTime.UTC().Format(time.DateOnly))
			}
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].Key
	}
}
