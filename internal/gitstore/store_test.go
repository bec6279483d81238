package gitstore_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// small options send packs of every size to blob storage as well as to rows.
var smallOptions = gitstore.Options{InlineMax: 2000, FoldAt: 4}

func TestCommitAndRead(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		big := strings.Repeat("0123456789abcdef", 40_000)
		pointer := git.Pointer{SHA256: hub.SHA256{7}, Size: 5 << 30}
		first := f.commit(files{"a.txt": "A", "d/b.txt": "B", "d/e/big.txt": big, "model.bin": string(pointer.Encode())})
		second := f.commit(files{"d/b.txt": gone, "c.txt": "C"})
		for range 2 { // with warm caches, then as another process
			f.checkReads(first, second, big, pointer)
			f.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir()})
		}
		dir := f.bare()
		if out := gitIn(f.t, dir, nil, "fsck", "--strict"); out != "" {
			f.t.Errorf("fsck: %s", out)
		}
		if got := gitIn(f.t, dir, nil, "rev-parse", "main~1"); got != first.String() {
			f.t.Errorf("main~1 is %s", got)
		}
	})
}

func (f *fixture) checkReads(first, second hub.OID, big string, pointer git.Pointer) {
	f.t.Helper()
	r := f.open()
	e, err := r.Entry(f.ctx, f.tree(first), "d/e/big.txt")
	f.ok(err)
	rc, info, err := r.Blob(f.ctx, e.OID)
	f.ok(err)
	got, err := io.ReadAll(rc)
	f.ok(err)
	rc.Close()
	if string(got) != big || info.Size != int64(len(big)) {
		f.t.Error("big.txt differs")
	}
	if _, err := r.BlobBytes(f.ctx, e.OID, 1000); !errs.Is(err, errs.TooLarge) {
		f.t.Errorf("BlobBytes over its bound: %v", err)
	}
	if _, err := r.Entry(f.ctx, f.tree(second), "d/b.txt"); !errs.Is(err, errs.NotFound) {
		f.t.Errorf("deleted file: %v", err)
	}
	e, err = r.Entry(f.ctx, f.tree(second), "model.bin")
	f.ok(err)
	if info, err := r.BlobInfo(f.ctx, e.OID); err != nil || info.Pointer == nil || *info.Pointer != pointer {
		f.t.Errorf("pointer: %v %v", info, err)
	}
	count, size, err := r.TreeSize(f.ctx, f.tree(second), "")
	if err != nil || count != 4 || size != pointer.Size+int64(len(big))+2 {
		f.t.Errorf("TreeSize %d %d %v", count, size, err)
	}
	for _, rev := range []string{"main", "HEAD", "refs/heads/main", second.String(), second.String()[:9]} {
		if got, err := r.Resolve(f.ctx, f.db, rev); err != nil || got.Commit != second {
			f.t.Errorf("Resolve %s: %v %v", rev, got, err)
		}
	}
	for _, rev := range []string{"nope", strings.Repeat("0", 40), "refs/heads/x", "0000000", e.OID.String()} {
		if _, err := r.Resolve(f.ctx, f.db, rev); !errs.Is(err, errs.NotFound) {
			f.t.Errorf("Resolve %s: %v", rev, err)
		}
	}
	log, more, err := r.Log(f.ctx, second, gitstore.LogOptions{})
	if err != nil || more || len(log) != 2 || log[0].OID != second || log[1].OID != first {
		f.t.Errorf("Log %v %v", log, err)
	}
}

func TestRefs(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		a, b := f.commit(files{"a": "1"}), f.commit(files{"a": "2"})
		move := func(ups ...gitstore.RefUpdate) error {
			return f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.UpdateRefs(f.ctx, tx, f.id, ups) })
		}
		var zero hub.OID
		f.ok(move(gitstore.RefUpdate{Name: "refs/heads/x/y", New: a}, gitstore.RefUpdate{Name: "refs/tags/v1", New: a}))
		for i, up := range []gitstore.RefUpdate{
			{Name: "refs/heads/x/y", New: b},          // exists
			{Name: "refs/heads/x/y", Old: b, New: b},  // is at a
			{Name: "refs/heads/none", Old: a, New: b}, // absent
			{Name: "refs/heads/x/y", Old: b},          // is at a
			{Name: "refs/heads/x", New: b},            // a folder
			{Name: "refs/heads/x/y/z", New: b},        // below a ref
		} {
			if err := move(gitstore.RefUpdate{Name: "refs/heads/other", New: a}, up); !errs.Is(err, errs.Conflict) {
				f.t.Errorf("update %d: %v", i, err)
			}
		}
		for _, name := range []string{"main", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.lock", "refs/heads/a b", "refs/heads/\xff"} {
			if err := move(gitstore.RefUpdate{Name: name, New: a}); !errs.Is(err, errs.Invalid) {
				f.t.Errorf("name %q: %v", name, err)
			}
		}
		f.ok(move(gitstore.RefUpdate{Name: "refs/heads/x", New: b}, gitstore.RefUpdate{Name: "refs/heads/x/y", Old: a, New: zero}))
		refs, err := f.s.Refs(f.ctx, f.db, f.id, "refs/heads/")
		f.ok(err)
		if got := fmt.Sprint(len(refs), refs[0].Name, refs[1].Name); got != "2refs/heads/mainrefs/heads/x" && got != "2 refs/heads/main refs/heads/x" {
			f.t.Error(got)
		}
	})
}

func TestCopyAndDelete(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		first := f.commit(files{"a": "1", "b": strings.Repeat("x", 9000)})
		other := hub.NewID()
		f.copyRepo(other)
		f.commit(files{"a": "2"})
		f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.DeleteRepo(f.ctx, tx, f.id) }))
		if _, err := f.s.Open(f.ctx, f.id); !errs.Is(err, errs.NotFound) {
			f.t.Errorf("deleted repository: %v", err)
		}
		f.id = other
		if f.tip(main) != first {
			f.t.Error("the copy moved with its source")
		}
		f.commit(files{"c": "3"})
		gitIn(f.t, f.bare(), nil, "fsck", "--strict")
	})
}
