package gitstore_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// copyWhile makes a copy, during which something happens between the look at the original and the transaction. It gives
// the large files that the copy is said to name.
func (f *fixture) copyWhile(id string, between func()) (named map[byte]bool, err error) {
	f.t.Helper()
	c, err := f.s.PrepareCopy(f.ctx, f.id, id)
	f.ok(err)
	between()
	err = f.db.Tx(f.ctx, func(tx *db.Tx) error {
		if err := f.s.CopyRepo(f.ctx, tx, c); err != nil {
			return err
		}
		named = map[byte]bool{}
		for sha := range c.Pointers() {
			named[sha[0]] = true
		}
		return nil
	})
	return named, err
}

// S28: the large files that a copy names are those of the packs that it gets, whatever is committed while it is made.
func TestCopyNamesWhatItsPacksHold(t *testing.T) {
	pointer := func(n byte) string { return string(git.Pointer{SHA256: hub.SHA256{n}, Size: 5}.Encode()) }
	each(t, smallOptions, func(f *fixture) {
		here, elsewhere := *f, *f
		elsewhere.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir(), InlineMax: 2000, FoldAt: 4})
		holds := func(what string, between func(), want ...byte) {
			f.t.Helper()
			id := hub.NewID()
			named, err := f.copyWhile(id, between)
			f.ok(err)
			wanted, got := map[byte]bool{}, map[byte]bool{}
			for _, n := range want {
				wanted[n] = true
			}
			view, err := f.s.Open(f.ctx, id)
			f.ok(err)
			for n := range byte(10) {
				if view.Has(git.Hash(git.KindBlob, []byte(pointer(n)))) {
					got[n] = true
				}
			}
			if !maps.Equal(named, wanted) || !maps.Equal(got, wanted) {
				f.t.Errorf("%s: the copy is said to name %v and names %v, want %v", what, named, got, wanted)
			}
		}
		moved := func(what string, between func()) {
			f.t.Helper()
			if named, err := f.copyWhile(hub.NewID(), between); !gitstore.HasMoved(err) {
				f.t.Errorf("%s: %v, named %v", what, err, named)
			}
		}
		quiet := func() {}
		f.commit(files{"a": pointer(1), "plain": "text"})
		holds("at rest", quiet, 1)
		holds("a commit on this node", func() { here.commit(files{"b": pointer(2)}) }, 1, 2)
		moved("a commit on another node", func() { elsewhere.commit(files{"c": pointer(3)}) })
		moved("a fold", func() {
			for i := range 5 {
				here.commit(files{fmt.Sprint(i): "x"})
			}
			if folded, err := elsewhere.s.Fold(f.ctx, f.id); err != nil || !folded {
				f.t.Fatalf("no fold: %v", err)
			}
		})
		holds("after both", quiet, 1, 2, 3)
		side, err := f.try("refs/heads/side", files{"d": pointer(4), "same": pointer(1)})
		f.ok(err)
		holds("with a branch", quiet, 1, 2, 3, 4)
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", Old: side}))
		holds("after the branch has gone", quiet, 1, 2, 3)
		moved("a commit when packs are written again", func() { here.commit(files{"e": pointer(5)}) })
	})
}
