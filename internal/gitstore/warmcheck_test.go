package gitstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// rot changes a bit in the middle of the one file of a pattern.
func (f *fixture) rot(pattern string) {
	f.t.Helper()
	found, err := filepath.Glob(pattern)
	f.ok(err)
	if len(found) != 1 {
		f.t.Fatalf("%d files match %s", len(found), pattern)
	}
	b, err := os.ReadFile(found[0])
	f.ok(err)
	b[len(b)/2] ^= 1
	f.ok(os.WriteFile(found[0], b, 0o600)) // in place: another name of the file has it, too
}

// tryClone is clone where it may fail.
func (f *fixture) tryClone(c *gitstore.Copies) (pack []byte, err error) {
	p, err := c.Use(f.ctx, f.id, main)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	tip, _ := p.Tips().Find(main)
	r, ok, err := p.Clone(f.ctx, []hub.OID{tip}, false)
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("not kept"))
	}
	defer r.Close()
	for b := make([]byte, 100_000); ; {
		n, err := r.Read(f.ctx, b, time.Minute)
		pack = append(pack, b[:n]...)
		if errors.Is(err, io.EOF) {
			return pack, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// A bit that flips in a warm copy fails one clone at most: git sends packs without a look at them, so the hub looks.
func TestClonesAfterWarmCopyRots(t *testing.T) {
	for _, large := range []bool{false, true} {
		f := benchFixture(t)
		dir := t.TempDir()
		c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir})
		size := 200_000
		if large { // the copy's file is another name of the one in the cache of packs
			size = 1_500_000
		}
		f.commit(files{"a.txt": f.noise(size)})
		for _, place := range []string{"objects/pack/*.pack", "objects/pack/*.idx", "packed-refs", "config", "HEAD"} {
			p, err := c.Use(f.ctx, f.id, main)
			f.ok(err)
			p.Release()
			f.rot(filepath.Join(dir, "run-*", "*-*", place))
			if _, err := f.tryClone(c); err == nil {
				t.Errorf("large %v: a clone of a copy with another %s is taken for good", large, place)
			}
			pack, err := f.tryClone(c)
			f.ok(err)
			f.holds(pack, 3)
			c.Trim(-time.Hour)
		}
	}
}

// The same where git itself serves a fetch: it fails, and the copy is made again.
func TestFetchAfterWarmCopyRots(t *testing.T) {
	f := benchFixture(t)
	dir := t.TempDir()
	c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir})
	f.commit(files{"a.txt": f.noise(200_000)})
	f.fetch(c, f.id, main)
	f.rot(filepath.Join(dir, "run-*", "*-*", "objects/pack/*.idx"))
	p, err := c.Use(f.ctx, f.id, main)
	f.ok(err)
	tip, _ := p.Tips().Find(main)
	q := git.AppendFlush(git.AppendPkt(git.AppendPkt(append(git.AppendPkt(nil, "command=fetch"), "0001"...), "want "+tip.String()), "done"))
	if err := p.UploadPack(f.ctx, true, bytes.NewReader(q), io.Discard); err == nil {
		t.Fatal("git did not notice")
	} else if !strings.Contains(err.Error(), "made again") {
		t.Error(err)
	}
	p.Release()
	f.fetch(c, f.id, main)
}

// A copy in use is looked at now and then, for git does not fail at what it copies.
func TestAgedWarmCopyIsChecked(t *testing.T) {
	f := benchFixture(t)
	dir := t.TempDir()
	c := gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir})
	f.commit(files{"a.txt": f.noise(1_500_000)})
	f.fetch(c, f.id, main)
	found, err := filepath.Glob(filepath.Join(dir, "run-*", "*-*"))
	f.ok(err)
	f.rot(filepath.Join(dir, "run-*", "*-*", "objects/pack/*.pack"))
	c.Age(time.Hour)
	p, err := c.Use(f.ctx, f.id, main)
	f.ok(err)
	p.Release()
	for end := time.Now().Add(30 * time.Second); ; {
		if _, err := os.Stat(found[0]); errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the damaged copy is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	pack, err := f.tryClone(c)
	f.ok(err)
	f.holds(pack, 3)
}

// A pack in a row that has rotted makes no copy.
func TestRottenRowMakesNoCopy(t *testing.T) {
	f := benchFixture(t)
	f.commit(files{"a.txt": f.noise(200_000)})
	var b []byte
	f.ok(f.db.Get(f.ctx, &b, "SELECT pack FROM git_pack WHERE repo_id = ? AND size > 4000", f.id))
	b[len(b)/2] ^= 1
	_, err := f.db.Exec(f.ctx, "UPDATE git_pack SET pack = ? WHERE repo_id = ? AND size > 4000", b, f.id)
	f.ok(err)
	s := gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: t.TempDir()}) // with nothing in memory
	if _, err := gitstore.NewCopies(s, gitstore.CopyOptions{Dir: t.TempDir()}).Use(context.Background(), f.id, main); err == nil {
		t.Error("there is a copy")
	}
}

// A bit that flips in the node's copy of a pack: a part of a file has no wrong byte, and the pack is fetched again at once.
func TestPartOfFileAfterCachedPackRots(t *testing.T) {
	f := benchFixture(t)
	dir := t.TempDir()
	f.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: dir})
	text := f.noise(2_000_000)
	f.commit(files{"a.txt": text})
	e, err := f.open().Entry(f.ctx, f.tree(f.tip(main)), "a.txt")
	f.ok(err)
	for range 3 {
		rc, _, err := f.open().Blob(f.ctx, e.OID)
		f.ok(err)
		part := make([]byte, 1_500_000)
		_, err = io.ReadFull(rc, part)
		f.ok(err)
		_ = rc.Close()
		if string(part) != text[:len(part)] {
			t.Fatal("wrong bytes")
		}
		f.rot(filepath.Join(dir, "packs", "*.pack"))
	}
}
