package profile

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// TestCollect: what a profile shows stays, what it showed goes after a day, and what was shown again is a new object.
func TestCollect(t *testing.T) {
	blobtest.Each(t, func(t *testing.T, store blob.Store) {
		ctx, now := t.Context(), time.Now()
		s := New(Deps{DB: dbtest.New(t, db.SQLite), Blobs: store, Now: func() time.Time { return now }})
		o := account.Owner{ID: hub.NewID(), Kind: account.KindUser, Name: "alice"}
		set := func(c uint8) string {
			t.Helper()
			p := image.NewGray(image.Rect(0, 0, 4, 4))
			p.SetGray(0, 0, color.Gray{c})
			var b bytes.Buffer
			if err := png.Encode(&b, p); err != nil {
				t.Fatal(err)
			}
			if _, err := s.SetPicture(ctx, o, bytes.NewReader(b.Bytes())); err != nil {
				t.Fatal(err)
			}
			hash, err := s.PictureOf(ctx, o.ID)
			if err != nil {
				t.Fatal(err)
			}
			return hash
		}
		first := set(0)
		if second := set(255); second == first {
			t.Fatal("two pictures of one hash")
		}
		if again := set(0); again != first {
			t.Errorf("%s, then %s", first, again)
		}
		count := func() int { return len(stored(ctx, t, store)) }
		for _, want := range []int{3, 1} {
			if err := s.Collect(ctx); err != nil || count() != want {
				t.Errorf("%d pictures, want %d (%v)", count(), want, err)
			}
			now = now.Add(25 * time.Hour)
		}
		if b, err := s.Picture(ctx, first); err != nil || len(b) == 0 {
			t.Error(err)
		}
		for range 2 {
			if err := s.DropPicture(ctx, o); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Picture(ctx, first); !errs.Is(err, errs.NotFound) {
			t.Error(err)
		}
		if err := s.Collect(ctx); err != nil || count() != 0 {
			t.Errorf("%d pictures (%v)", count(), err)
		}
	})
}

func stored(ctx context.Context, t *testing.T, store blob.Store) []blob.Info {
	t.Helper()
	list, err := store.List(ctx, prefix, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestBadHashesAreNoPictures(t *testing.T) {
	s := New(Deps{DB: dbtest.New(t, db.SQLite)})
	for _, hash := range []string{"", "x", "../../etc/passwd", "%00"} {
		if _, err := s.Picture(t.Context(), hash); !errs.Is(err, errs.NotFound) {
			t.Errorf("%q: %v", hash, err)
		}
	}
}
