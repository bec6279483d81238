package xetstore_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// copyRepo copies some files, and gives how many bytes the copy has then.
func copyRepo(t *testing.T, e *Env, from, to string, shas ...hub.SHA256) (bytes int64) {
	t.Helper()
	err := e.DB.Tx(ctx, func(tx *db.Tx) (err error) {
		if err = e.CopyRepo(ctx, tx, from, to, slices.Values(shas)); err == nil {
			bytes, err = e.Usage(ctx, tx, to)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// S28: a copy has the files that are named, with their names and the xorbs that they are made of, and nothing else.
func TestCopyHasOnlyWhatIsNamed(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		kept, lost, gone, lostGone := Random(1, 300_000), Random(2, 300_000), Random(3, 1000), Random(4, 1000)
		files := ingested(t, e, kept, lost, gone, lostGone)
		remove(t, e, "secret", shaOf(gone), shaOf(lostGone))
		err := e.DB.Tx(ctx, func(tx *db.Tx) error {
			return e.Name(ctx, tx, "secret", "refs/heads/main", "u", []xetstore.Named{{Hash: files[0].Hash, Path: "kept"}, {Hash: files[1].Hash, Path: "lost"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		var named []hub.SHA256 // more than one batch, of which a few are here and one comes twice
		for i := range 600 {
			named = append(named, hub.SHA256{1, byte(i), byte(i >> 8)})
		}
		named[3], named[300], named[599] = shaOf(kept), shaOf(gone), shaOf(kept)
		if n := copyRepo(t, e, "secret", "den", named...); n != int64(len(kept)) {
			t.Errorf("copied %d bytes, want %d", n, len(kept))
		}
		list, err := e.Stored(ctx, "den", xetstore.Place{Since: time.Time{}}, 10)
		if err != nil || len(list) != 1 || list[0].Path != "kept" || !bytes.Equal(read(t, e, list[0].File, 0, list[0].Size), kept) {
			t.Errorf("the copy lists %+v, %v", list, err)
		}
		if n, all := rights(t, e, "den"), rights(t, e, "secret"); n == 0 || n >= all {
			t.Errorf("a right to %d xorbs of %d", n, all)
		}
		for i, want := range []bool{true, false} {
			if is, err := e.Gone(ctx, "den", []hub.SHA256{shaOf(gone), shaOf(lostGone)}[i]); err != nil || is != want {
				t.Errorf("deleted file %d is known as such: %v, want %v (%v)", i, is, want, err)
			}
		}
	})
}
