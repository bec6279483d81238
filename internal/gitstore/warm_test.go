package gitstore_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// fetch asks a copy for the history of main by git's own upload-pack, and gives the bytes of the answer.
func (f *fixture) fetch(c *gitstore.Copies, id, ref string) []byte {
	f.t.Helper()
	p, err := c.Use(f.ctx, id, main)
	f.ok(err)
	defer p.Release()
	tip, ok := p.Tips().Find(ref)
	if !ok {
		f.t.Fatalf("the copy has no %s", ref)
	}
	f.ok(p.CheckFetch(f.ctx, &git.UploadRequest{Wants: []hub.OID{tip}}))
	q := git.AppendPkt(nil, "command=fetch")
	q = append(q, "0001"...)
	q = git.AppendFlush(git.AppendPkt(git.AppendPkt(q, "want "+tip.String()+"\n"), "done\n"))
	var out bytes.Buffer
	f.ok(p.UploadPack(f.ctx, true, bytes.NewReader(q), &out))
	if !bytes.Contains(out.Bytes(), []byte("PACK")) {
		f.t.Fatalf("no pack in %.200q", out.Bytes())
	}
	return out.Bytes()
}

func copies(dir string) int {
	list, _ := filepath.Glob(filepath.Join(dir, "run-*", "*-*"))
	return len(list)
}

// A copy follows commits and folds, and comes again after somebody has deleted all or part of it.
func TestWarmCopy(t *testing.T) {
	each(t, gitstore.Options{FoldAt: 4, InlineMax: 4 << 10}, func(f *fixture) {
		dir := t.TempDir()
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir})
		for i := range 6 {
			f.commit(files{fmt.Sprintf("f%d.txt", i): strings.Repeat("some text\n", 1000*i)})
			f.fetch(c, f.id, main)
		}
		old, err := c.Use(f.ctx, f.id, main) // a reader of the state before the fold
		f.ok(err)
		if ok, err := f.s.Fold(f.ctx, f.id); !ok || err != nil {
			t.Fatalf("no fold: %v", err)
		}
		f.fetch(c, f.id, main)
		if n := copies(dir); n != 2 {
			t.Errorf("%d folders while the old copy is in use", n)
		}
		tip, _ := old.Tips().Find(main)
		q := git.AppendFlush(git.AppendPkt(git.AppendPkt(append(git.AppendPkt(nil, "command=fetch"), "0001"...), "want "+tip.String()), "done"))
		var out bytes.Buffer
		f.ok(old.UploadPack(f.ctx, true, bytes.NewReader(q), &out))
		old.Release()
		if n := copies(dir); n != 1 {
			t.Errorf("%d folders after the old copy's last reader", n)
		}

		for i := range 6 {
			f.commit(files{fmt.Sprintf("g%d.txt", i): strings.Repeat("more text\n", 1000*i)})
		}
		f.fetch(c, f.id, main)
		if ok, err := f.s.Fold(f.ctx, f.id); !ok || err != nil {
			t.Fatalf("no second fold: %v", err)
		}
		f.fetch(c, f.id, main)
		for try := 0; copies(dir) != 1; try++ { // it goes in the background
			if time.Sleep(10 * time.Millisecond); try > 500 {
				t.Fatalf("%d folders after a fold that nobody was reading through", copies(dir))
			}
		}

		runs, _ := filepath.Glob(filepath.Join(dir, "run-*", "*-*"))
		f.ok(os.RemoveAll(runs[0]))
		f.fetch(c, f.id, main)
	})
}

// What nobody has used for a time leaves the node's disk: copies, and packs of this process and of an earlier one.
func TestTrim(t *testing.T) {
	f := benchFixture(t)
	dir := t.TempDir()
	f.s = gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: 1, CacheDir: dir})
	c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: filepath.Join(dir, "warm")})
	packs := func() int {
		list, _ := filepath.Glob(filepath.Join(dir, "packs", "*.pack"))
		return len(list)
	}
	f.commit(files{"a": incompressible(1, 5000)})
	f.fetch(c, f.id, main)
	c.Trim(time.Hour)
	if packs() != 1 || copies(filepath.Join(dir, "warm")) != 1 {
		t.Errorf("%d packs, %d copies after a trim of older ones", packs(), copies(filepath.Join(dir, "warm")))
	}
	p, err := c.Use(f.ctx, f.id, main)
	f.ok(err)
	c.Trim(-time.Hour)
	if copies(filepath.Join(dir, "warm")) != 1 {
		t.Error("a copy in use went")
	}
	p.Release()
	other := gitstore.New(f.db, f.blobs, gitstore.Options{InlineMax: 1, CacheDir: dir})
	f.fetch(gitstore.NewCopies(other, gitstore.CopyOptions{Dir: filepath.Join(dir, "other")}), f.id, main)
	c.Trim(-time.Hour)
	if packs() != 0 || copies(filepath.Join(dir, "warm")) != 0 {
		t.Errorf("%d packs, %d copies are left", packs(), copies(filepath.Join(dir, "warm")))
	}
	f.fetch(c, f.id, main)
}

// Many at once bring one copy up to date together, while commits go on.
func TestWarmCopyTogether(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: t.TempDir()})
		f.commit(files{"a": "a"})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 3 {
					f.fetch(c, f.id, main)
				}
			})
		}
		for i := range 5 {
			f.commit(files{"a": fmt.Sprint(i)})
		}
		wg.Wait()
	})
}

// Copies that were not used longest make room.
func TestWarmCopiesAreBounded(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		dir := t.TempDir()
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir, Bytes: 1500})
		for range 10 {
			f.id = hub.NewID()
			f.init(f.id)
			f.commit(files{"a": "a"})
			f.fetch(c, f.id, main)
		}
		if n := copies(dir); n == 0 || n > 6 {
			t.Errorf("%d copies are kept", n)
		}
	})
}
