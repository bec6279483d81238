package gitstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// TestEditTreeLikeGit makes random edits through EditTree and through git's own index, and compares the trees, the
// listing in pages, and the differences.
func TestEditTreeLikeGit(t *testing.T) {
	for seed := range uint64(4) {
		f := benchFixture(t)
		dir := filepath.Join(t.TempDir(), "w")
		gitIn(t, os.TempDir(), nil, "init", "-q", dir)
		rnd := rand.New(rand.NewPCG(seed, 1))
		have := map[string]bool{}
		for range 25 {
			fs := randomEdits(rnd, have)
			old := f.tip(main)
			f.commit(fs)
			root := f.tree(f.tip(main))
			gitApply(t, dir, fs)
			if want := gitIn(t, dir, nil, "write-tree"); want != root.String() {
				t.Fatalf("seed %d: tree %s, git has %s", seed, root, want)
			}
			f.sameListing(dir, root, 1+rnd.IntN(9))
			if !old.IsZero() {
				f.sameDiff(old, f.tip(main))
			}
		}
		if out := gitIn(t, f.bare(), nil, "fsck", "--strict"); out != "" {
			t.Errorf("fsck: %s", out)
		}
	}
}

// randomEdits writes and deletes files below names that tempt the sort order ("a", "a-", "a.b", "a/").
func randomEdits(rnd *rand.Rand, have map[string]bool) files {
	parts := []string{"a", "a-", "a.b", "a0", "b", "é", "A"}
	fs := files{}
	for range 1 + rnd.IntN(12) {
		path := parts[rnd.IntN(len(parts))]
		for range rnd.IntN(4) {
			path += "/" + parts[rnd.IntN(len(parts))]
		}
		switch {
		case have[path] && fs[path] == "" && rnd.IntN(2) == 0:
			fs[path] = gone
			delete(have, path)
		case fs[path] == "" && !clashes(have, fs, path):
			fs[path] = fmt.Sprint(rnd.IntN(50))
			have[path] = true
		}
	}
	if len(fs) == 0 {
		fs["z"+fmt.Sprint(rnd.IntN(1000))] = "z"
	}
	return fs
}

func clashes(have map[string]bool, fs files, path string) bool {
	for p := range have {
		if strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	for p := range fs {
		if strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func gitApply(t *testing.T, dir string, fs files) {
	var in bytes.Buffer
	for path, text := range fs {
		if text == gone {
			fmt.Fprintf(&in, "0 %s\t%s\n", hub.OID{}, path)
		}
	}
	for path, text := range fs {
		if text != gone {
			oid := gitIn(t, dir, []byte(text), "hash-object", "-w", "--stdin")
			fmt.Fprintf(&in, "100644 %s\t%s\n", oid, path)
		}
	}
	gitIn(t, dir, in.Bytes(), "update-index", "--index-info")
}

func (f *fixture) sameListing(dir string, root hub.OID, limit int) {
	f.t.Helper()
	want := gitIn(f.t, dir, nil, "-c", "core.quotePath=false", "ls-tree", "-r", "-t", "-z", "--format=%(objectmode) %(objectname) %(objectsize) %(path)", root.String())
	var got []string
	for after := ""; ; {
		page, next, err := f.open().Walk(f.ctx, root, gitstore.WalkOptions{Recursive: true, After: after, Limit: limit})
		f.ok(err)
		for _, e := range page {
			size := "-"
			if !e.IsDir {
				size = fmt.Sprint(e.Size)
			}
			got = append(got, fmt.Sprintf("%s %s %s %s\x00", e.Mode, e.OID, size, e.Path))
		}
		if after = next; after == "" {
			break
		}
	}
	if s := strings.Join(got, ""); s != want {
		f.t.Fatalf("listing in pages of %d:\n%q\ngit:\n%q", limit, s, want)
	}
}

func (f *fixture) sameDiff(a, b hub.OID) {
	f.t.Helper()
	changes, _, err := f.open().Diff(f.ctx, a, b, gitstore.DiffOptions{})
	f.ok(err)
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf(":%s %s %s %s %s", c.OldMode, c.NewMode, c.OldOID, c.NewOID, c.Path))
	}
	want := []string{}
	all := map[string]git.TreeEntry{}
	list := func(commit hub.OID, fn func(gitstore.Entry)) {
		page, _, err := f.open().Walk(f.ctx, f.tree(commit), gitstore.WalkOptions{Recursive: true, Limit: 1 << 20})
		f.ok(err)
		for _, e := range page {
			if !e.IsDir {
				fn(e)
			}
		}
	}
	list(a, func(e gitstore.Entry) { all[e.Path] = git.TreeEntry{Mode: e.Mode, OID: e.OID} })
	list(b, func(e gitstore.Entry) {
		if old := all[e.Path]; old.OID != e.OID {
			want = append(want, fmt.Sprintf(":%s %s %s %s %s", old.Mode, e.Mode, old.OID, e.OID, e.Path))
		}
		delete(all, e.Path)
	})
	for path, old := range all {
		want = append(want, fmt.Sprintf(":%s %s %s %s %s", old.Mode, git.Mode(0), old.OID, hub.OID{}, path))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.t.Fatalf("diff\n%v\nwant\n%v", got, want)
	}
}

func TestEditTreeRefuses(t *testing.T) {
	f := benchFixture(t)
	tip := f.commit(files{"dir/a": "1", "dir/b": "2", "file": "3"})
	base, r := f.tree(tip), f.open()
	blob := git.Hash(git.KindBlob, []byte("1"))
	set := func(path string) gitstore.Edit { return gitstore.Edit{Path: path, Mode: git.ModeFile, OID: blob} }
	del := func(path string) gitstore.Edit { return gitstore.Edit{Path: path, Delete: true} }
	bad := []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/.", ".git", ".GIT/config", "a/.Git", "git~1", "GIT~1/x",
		".git ", ".git.", ".git. .", ".git::$INDEX_ALLOCATION", ".git:x", "a\\.git", ".git\\x", ".g\u200cit", "\ufeff.git",
		"a\x00b", strings.Repeat("x", 5000)}
	for _, path := range bad {
		if _, err := edit(f, r, base, set(path)); !errs.Is(err, errs.Invalid) {
			t.Errorf("path %q: %v", path, err)
		}
	}
	for _, path := range []string{".gitignore", "a.git", ".git-x", "git~10", "a\\b", "...", " ", "\u200d", ".gi", "é"} {
		if _, err := edit(f, r, base, set(path)); err != nil {
			t.Errorf("path %q: %v", path, err)
		}
	}
	link := gitstore.Edit{Path: "x/.gitmodules", Mode: git.ModeSymlink, OID: blob}
	for i, edits := range [][]gitstore.Edit{
		{set("file/x")}, {set("dir")}, {set("x"), set("x/y")}, {set("x"), set("x")}, {del("file"), del("file")}, {link},
		{{Path: "x", Mode: 0o100664, OID: blob}}, {{Path: "x", Mode: git.ModeFile}},
		{{Path: "file", Mode: git.ModeDir, OID: base}}, {del("dir/a"), set("dir")},
	} {
		if _, err := edit(f, r, base, edits...); !errs.Is(err, errs.Invalid) {
			t.Errorf("edits %d: %v", i, err)
		}
	}
	for i, edits := range [][]gitstore.Edit{{del("none")}, {del("dir/none")}, {del("file/x")}, {del("none/x")}} {
		if _, err := edit(f, r, base, edits...); !errs.Is(err, errs.NotFound) {
			t.Errorf("deletion %d: %v", i, err)
		}
	}
	same := map[string][]gitstore.Edit{
		"dir":     {del("file"), set("file/x"), del("file/x"), del("dir/b"), del("dir/a")},
		"file":    {del("dir"), set("dir")},
		"below":   {del("dir/a"), del("dir/b"), set("dir")},
		"graft":   {{Path: "copy/of", Mode: git.ModeDir, OID: base}},
		"regraft": {{Path: "dir", Mode: git.ModeDir, OID: base}},
	}
	for name, edits := range same {
		if name == "dir" {
			edits = []gitstore.Edit{del("file"), set("file/x"), del("dir/b"), del("dir/a")}
		}
		if _, err := edit(f, r, base, edits...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if oid, err := edit(f, r, base, del("dir"), del("file")); err != nil || oid != git.EmptyTree {
		t.Errorf("everything deleted: %s %v", oid, err)
	}
	if oid, err := edit(f, r, base, set("dir/a")); err != nil || oid != base {
		t.Errorf("nothing changed: %s %v", oid, err)
	}
}

func edit(f *fixture, r *gitstore.Repo, base hub.OID, edits ...gitstore.Edit) (hub.OID, error) {
	w := f.s.NewPack(f.ctx, f.id)
	defer w.Abort()
	return r.EditTree(f.ctx, w, base, edits)
}

// TestEditTreeTwice builds on a tree that is not committed yet.
func TestEditTreeTwice(t *testing.T) {
	f := newFixture(t, dbtest.New(t, db.SQLite), nil, gitstore.Options{})
	w, r := f.s.NewPack(f.ctx, f.id), f.open()
	oid, err := w.AddBytes(git.KindBlob, []byte("x"))
	f.ok(err)
	var root hub.OID
	for i := range 10 {
		root, err = r.EditTree(f.ctx, w, root, []gitstore.Edit{{Path: fmt.Sprintf("d/e/f%d", i), Mode: git.ModeFile, OID: oid}})
		f.ok(err)
	}
	p, err := w.Finish(f.ctx)
	f.ok(err)
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.AddPack(f.ctx, tx, f.id, p) }))
	page, _, err := f.open().Walk(f.ctx, root, gitstore.WalkOptions{Dir: "d/e"})
	if err != nil || len(page) != 10 {
		t.Error(len(page), err)
	}
}
