package gitstore_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// static is text that does not compress.
func static(seed string, n int) string {
	b := make([]byte, n)
	rng := rand.NewChaCha8(sha256.Sum256([]byte(seed)))
	for i := range b {
		b[i] = byte(rng.Uint64())
	}
	return string(b)
}

// places are where a pack and its catalog are.
func placesOf(p gitstore.PackInfo) (pack, catalog place) {
	pack, catalog = place{key: p.PackKey}, place{key: p.IndexKey}
	if p.PackKey == "" {
		pack.column = "pack"
	}
	if p.IndexKey == "" {
		catalog.column = "idx"
	}
	return pack, catalog
}

// first is the first pack of the fixture's repository.
func (f *fixture) first() gitstore.PackInfo {
	f.t.Helper()
	for _, p := range f.packs() {
		if p.RepoID == f.id {
			return p
		}
	}
	f.t.Fatal("no packs")
	return gitstore.PackInfo{}
}

// flip flips a bit, at bytes from the begin or, if at is negative, from the end.
func (f *fixture) flip(p gitstore.PackInfo, at place, pos int) {
	f.t.Helper()
	b := append([]byte(nil), f.read(p, at)...)
	if pos < 0 {
		pos += len(b)
	}
	b[pos] ^= 8
	f.replace(p, at, b)
}

// mend repairs a pack, with a dry run before, and returns what the repository then holds.
func (f *fixture) mend(p gitstore.PackInfo, want gitstore.How, o gitstore.MendOptions) {
	f.t.Helper()
	o.Dry = true
	if got, err := f.s.MendPack(f.ctx, p, o); err != nil || got.How != want {
		f.t.Fatalf("dry run: %+v, want %q: %v", got, want, err)
	}
	if f.s.VerifyPack(f.ctx, p, blob.Objects) == nil {
		f.t.Fatal("the dry run changed something, or there was no damage")
	}
	o.Dry = false
	if got, err := f.s.MendPack(f.ctx, p, o); err != nil || got.How != want {
		f.t.Fatalf("mended %+v, want %q: %v", got, want, err)
	}
	if err := f.s.VerifyPack(f.ctx, p, blob.Objects); err != nil && !errs.Is(err, errs.NotFound) {
		f.t.Errorf("after the repair: %v", err)
	}
}

func (f *fixture) text(path string) (string, error) {
	r, err := f.s.Open(f.ctx, f.id)
	if err != nil {
		return "", err
	}
	c, err := r.Commit(f.ctx, f.tip(main))
	if err != nil {
		return "", err
	}
	e, err := r.Entry(f.ctx, c.Tree, path)
	if err != nil {
		return "", err
	}
	rc, _, err := r.Blob(f.ctx, e.OID)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	return string(b), err
}

// fresh has the store forget all that it has cached.
func (f *fixture) fresh(o gitstore.Options) {
	o.CacheDir = f.t.TempDir()
	f.s = gitstore.New(f.db, f.blobs, o)
}

// Each way in which a pack can become whole again, for packs in blobs and in rows.
func TestMendPack(t *testing.T) {
	for _, inlineMax := range []int64{1 << 20, 1} {
		t.Run(fmt.Sprint("inline ", inlineMax), func(t *testing.T) {
			o := gitstore.Options{InlineMax: inlineMax}
			each(t, o, func(f *fixture) {
				big := static(f.id, 60_000)
				f.commit(files{"big": big})
				p := f.first()
				pack, catalog := placesOf(p)
				check := func() {
					f.t.Helper()
					f.fresh(o)
					if got, err := f.text("big"); err != nil || got != big {
						f.t.Errorf("read as %d bytes: %v", len(got), err)
					}
				}
				f.fresh(o)
				f.flip(p, catalog, 40)
				f.mend(p, gitstore.FromItself, gitstore.MendOptions{})
				check()
				// The same repository pushed to another name has a pack of its own.
				first := f.id
				f.id = hub.NewID()
				f.init(f.id)
				f.clock--
				f.commit(files{"big": big})
				f.id = first
				f.fresh(o)
				f.flip(p, pack, 500)
				f.mend(p, gitstore.FromOthers, gitstore.MendOptions{})
				check()
				if p.PackKey == "" {
					return
				}
				replica := blobtest.FS(f.t)
				f.ok(blob.PutBytes(f.ctx, replica, p.PackKey, f.read(p, pack)))
				f.replace(p, pack, nil)
				f.fresh(o)
				f.mend(p, gitstore.FromReplica, gitstore.MendOptions{Replicas: []gitstore.Replica{blobtest.FS(f.t), replica}})
				check()
				node := f.t.TempDir()
				warm := gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: inlineMax, CacheDir: node})
				f.s = warm
				if _, err := f.text("big"); err != nil {
					f.t.Fatal(err)
				}
				f.fresh(o)
				f.flip(p, pack, -5)
				f.mend(p, gitstore.FromNode, gitstore.MendOptions{Nodes: []string{node}})
				check()
			})
		})
	}
}

// Objects that other packs hold are taken from there; what nothing holds is lost only if that is asked for, and then the
// rest of the repository is there again.
func TestMendPackByObjects(t *testing.T) {
	for _, inlineMax := range []int64{1 << 20, 1} {
		t.Run(fmt.Sprint("inline ", inlineMax), func(t *testing.T) {
			o := gitstore.Options{InlineMax: inlineMax}
			each(t, o, func(f *fixture) {
				big, own := static(f.id+"big", 60_000), static(f.id+"own", 50_000)
				f.commit(files{"big": big, "own": own})
				p := f.first()
				pack, _ := placesOf(p)
				bytes := string(f.read(p, pack))
				at := func(text string) int {
					i := strings.Index(bytes, text[1000:1100])
					if i < 0 {
						f.t.Fatal("the pack does not hold the text as it is")
					}
					return i
				}
				first := f.id
				f.id = hub.NewID()
				f.init(f.id)
				f.commit(files{"other": big})
				f.id = first
				f.fresh(o)
				f.flip(p, pack, at(big))
				f.mend(p, gitstore.FromOthers, gitstore.MendOptions{})
				f.fresh(o)
				for path, want := range map[string]string{"big": big, "own": own} {
					if got, err := f.text(path); err != nil || got != want {
						f.t.Errorf("%s is read as %d bytes: %v", path, len(got), err)
					}
				}
				p = f.first()
				pack, _ = placesOf(p)
				bytes = string(f.read(p, pack))
				f.fresh(o)
				f.flip(p, pack, at(own))
				is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{})
				if err != nil || is.How != "" || len(is.Lost) != 1 || is.GaveUp {
					f.t.Fatalf("a pack with one object that nothing holds: %+v %v", is, err)
				}
				if is, err = f.s.MendPack(f.ctx, p, gitstore.MendOptions{GiveUp: true}); err != nil || !is.GaveUp {
					f.t.Fatalf("giving up: %+v %v", is, err)
				}
				f.fresh(o)
				if got, err := f.text("big"); err != nil || got != big {
					f.t.Errorf("what was not lost: %v", err)
				}
				if _, err := f.text("own"); !errs.Is(err, errs.Gone) {
					f.t.Errorf("what was lost: %v", err)
				}
				f.commit(files{"again": own})
				if got, err := f.text("own"); err != nil || got != own {
					f.t.Errorf("what was lost and came again: %v", err)
				}
			})
		})
	}
}
