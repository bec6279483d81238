package gitstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// clone reads the pack of a ref to its end. ok is false when it is not kept.
func (f *fixture) clone(c *gitstore.Copies, ref string) (pack []byte, ok bool) {
	f.t.Helper()
	p, err := c.Use(f.ctx, f.id, main)
	f.ok(err)
	defer p.Release()
	tip, found := p.Tips().Find(ref)
	if !found {
		f.t.Fatalf("the copy has no %s", ref)
	}
	r, ok, err := p.Clone(f.ctx, []hub.OID{tip}, false)
	f.ok(err)
	if !ok {
		return nil, false
	}
	defer r.Close()
	for b := make([]byte, 10_000); ; {
		n, err := r.Read(f.ctx, b, time.Minute)
		pack = append(pack, b[:n]...)
		if errors.Is(err, io.EOF) {
			return pack, true
		}
		f.ok(err)
	}
}

// holds checks that a pack is whole and has what a tip reaches.
func (f *fixture) holds(pack []byte, objects int) {
	f.t.Helper()
	cat, err := git.IndexPack(bytes.NewReader(pack), int64(len(pack)), git.IndexLimits{})
	f.ok(err)
	if cat.Len() != objects {
		f.t.Errorf("the pack has %d objects, not %d", cat.Len(), objects)
	}
}

// A bit that the disk changes in a pack for clones ends the clone that reads it before it is whole, and the next gets another pack.
func TestClonePackFlippedBit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the file has no name; only Linux lets a test come at it")
	}
	f := benchFixture(t)
	c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: t.TempDir()})
	f.commit(files{"a.txt": f.noise(2_500_000)})
	whole, _ := f.clone(c, main)
	for _, at := range []int64{0, 5, 1<<20 - 1, 1 << 20, int64(len(whole)) - 1} {
		f.flipNameless(int64(len(whole)), at)
		p, err := c.Use(f.ctx, f.id, main)
		f.ok(err)
		tip, _ := p.Tips().Find(main)
		r, ok, err := p.Clone(f.ctx, []hub.OID{tip}, false)
		f.ok(err)
		if !ok {
			t.Fatal("no pack is kept")
		}
		for b := make([]byte, 10_000); err == nil; {
			_, err = r.Read(f.ctx, b, time.Minute)
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("byte %d was changed and nobody noticed", at)
		}
		r.Close()
		p.Release()
		if again, _ := f.clone(c, main); !bytes.Equal(again, whole) {
			t.Errorf("byte %d was changed, and the next clone gets another pack", at)
		}
	}
}

// flipNameless changes a bit in the open file of a size that has no name.
func (f *fixture) flipNameless(size, at int64) {
	f.t.Helper()
	open, err := filepath.Glob("/proc/self/fd/*")
	f.ok(err)
	for _, path := range open {
		info, err := os.Stat(path)
		target, _ := os.Readlink(path)
		if err != nil || info.Size() != size || !strings.HasSuffix(target, " (deleted)") {
			continue
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		f.ok(err)
		defer file.Close()
		var b [1]byte
		_, err = file.ReadAt(b[:], at)
		f.ok(err)
		b[0] ^= 4
		_, err = file.WriteAt(b[:], at)
		f.ok(err)
		return
	}
	f.t.Fatal("the pack for clones is not open")
}

func (f *fixture) noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(rand.IntN(26)) //nolint:gosec // any text will do
	}
	return string(b)
}

// A pack for clones is made once for those who come together and after, and again when the refs have moved.
func TestClonePack(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: t.TempDir()})
		for i := range 5 {
			f.commit(files{fmt.Sprintf("f%d.txt", i): f.noise(300_000)})
		}
		packs := make([][]byte, 6)
		var wg sync.WaitGroup
		for i := range packs {
			wg.Go(func() { packs[i], _ = f.clone(c, main) })
		}
		wg.Wait()
		f.holds(packs[0], 15)
		for _, p := range packs {
			if !bytes.Equal(p, packs[0]) {
				t.Error("two clones of one tip got different packs")
			}
		}
		if again, _ := f.clone(c, main); !bytes.Equal(again, packs[0]) {
			t.Error("a later clone got another pack")
		}
		f.commit(files{"g.txt": "more"})
		next, _ := f.clone(c, main)
		f.holds(next, 18)
	})
}

// A pack that nobody waits for any more is not made, and does not stand in the way of the next.
func TestClonePackAbandoned(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: t.TempDir()})
		for i := range 3 {
			f.commit(files{fmt.Sprintf("f%d.txt", i): f.noise(500_000)})
		}
		for range 10 {
			p, err := c.Use(f.ctx, f.id, main)
			f.ok(err)
			tip, _ := p.Tips().Find(main)
			r, ok, err := p.Clone(f.ctx, []hub.OID{tip}, false)
			if f.ok(err); !ok {
				t.Fatal("the pack is not kept")
			}
			p.Release() // the maker holds the copy
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			if _, err := r.Read(ctx, make([]byte, 1), time.Minute); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			r.Close()
			r.Close()
		}
		pack, _ := f.clone(c, main)
		f.holds(pack, 9)
	})
}

// What is kept is bounded, what is too large is not kept, and only tips of refs are.
func TestClonePacksAreBounded(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		dir := t.TempDir()
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir, Bytes: 8 << 20})
		for i := range 12 {
			f.id = hub.NewID()
			f.init(f.id)
			f.commit(files{"a.txt": f.noise(700_000)})
			if _, ok := f.clone(c, main); !ok {
				t.Fatalf("pack %d is not kept", i)
			}
		}
		if n := openFiles(t, dir); n > 9 {
			t.Errorf("%d files of packs are open", n)
		}
		f.commit(files{"b.txt": f.noise(2 << 20)})
		if _, ok := f.clone(c, main); ok {
			t.Error("a pack that would push out the others is kept")
		}
		p, err := c.Use(f.ctx, f.id, main)
		f.ok(err)
		defer p.Release()
		if _, ok, err := p.Clone(f.ctx, []hub.OID{{1}}, false); ok || err != nil {
			t.Errorf("what is no tip is kept: %v %v", ok, err)
		}
	})
}

// openFiles counts the descriptors of files without a name below a folder.
func openFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0 // only Linux tells which files are open; the rest of the test holds everywhere
	}
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(fds) == 0 {
		t.Fatalf("no open files: %v", err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, dir) && strings.HasSuffix(to, " (deleted)") {
			n++
		}
	}
	return n
}
