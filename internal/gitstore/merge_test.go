package gitstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// merging is a fixture with copies to merge on.
type merging struct {
	*fixture
	c   *gitstore.Copies
	dir string
}

func folder(t testing.TB) blob.Store {
	s, err := fs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newMerging(f *fixture) *merging {
	dir := f.t.TempDir()
	return &merging{f, gitstore.NewCopies(f.s, gitstore.CopyOptions{Dir: dir}), dir}
}

// branch makes a branch at a commit, with one more commit on it.
func (m *merging) branch(name string, from hub.OID, fs files) hub.OID {
	m.t.Helper()
	ref := "refs/heads/" + name
	m.ok(m.db.Tx(m.ctx, func(tx *db.Tx) error {
		return m.s.UpdateRefs(m.ctx, tx, m.id, []gitstore.RefUpdate{{Name: ref, New: from}})
	}))
	oid, err := m.try(ref, fs)
	m.ok(err)
	return oid
}

// merge merges two commits, and keeps the result.
func (m *merging) merge(spec gitstore.MergeSpec) (*gitstore.Merged, hub.OID) {
	m.t.Helper()
	p, err := m.c.Use(m.ctx, m.id, main)
	m.ok(err)
	defer p.Release()
	spec.OursName, spec.TheirsName = "ours", "theirs"
	out, err := p.Merge(m.ctx, spec)
	m.ok(err)
	m.t.Cleanup(out.Close)
	if len(out.Conflicts) > 0 {
		return out, hub.OID{}
	}
	w := m.s.NewPack(m.ctx, m.id)
	defer w.Abort()
	m.ok(out.WriteTo(m.ctx, w, 10<<20, func(string, git.TreeEntry, []byte) error { return nil }))
	pack, err := w.Finish(m.ctx)
	m.ok(err)
	m.ok(m.db.Tx(m.ctx, func(tx *db.Tx) error { return m.s.AddPack(m.ctx, tx, m.id, pack) }))
	return out, out.Tree
}

const tenLines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"

func changed(from, to string) string { return strings.Replace(tenLines, from+"\n", to+"\n", 1) }

// What a merge writes is what git writes, and reads back from the store.
func TestMergeIsGits(t *testing.T) {
	each(t, gitstore.Options{InlineMax: 4 << 10}, func(f *fixture) {
		m := newMerging(f)
		base := m.commit(files{"f": tenLines, "dir/g": tenLines, "old": strings.Repeat(tenLines, 9), "gone/x": "x"})
		ours := m.commit(files{"f": changed("1", "one"), "dir/g": changed("2", "two"), "gone/x": gone})
		theirs := m.branch("side", base, files{"f": changed("9", "nine"), "old": gone, "new/name": strings.Repeat(tenLines, 9) + "more", "dir/sub/deep": "d"})
		out, tree := m.merge(gitstore.MergeSpec{Ours: ours, Theirs: theirs})
		if len(out.Conflicts) > 0 {
			t.Fatalf("conflicts: %+v", out.Conflicts)
		}
		want, _, _ := strings.Cut(gitIn(t, m.bare(), nil, "merge-tree", "--write-tree", ours.String(), theirs.String()), "\n")
		if tree.String() != want {
			t.Errorf("tree %s, git's %s", tree, want)
		}
		e, err := m.open().Entry(m.ctx, tree, "f")
		m.ok(err)
		text, err := m.open().BlobBytes(m.ctx, e.OID, 1000)
		m.ok(err)
		if string(text) != strings.Replace(changed("1", "one"), "9\n", "nine\n", 1) {
			t.Errorf("f: %q", text)
		}

		before, after := m.tree(theirs), m.tree(base) // the reverse of what side did
		_, tree = m.merge(gitstore.MergeSpec{Base: &before, Ours: tree, Theirs: after})
		if tree != m.tree(ours) {
			t.Error("undoing what was merged gives something else than what was before it")
		}
		left, _ := filepath.Glob(filepath.Join(m.dir, "run-*", "merge-*"))
		out.Close()
		if now, _ := filepath.Glob(filepath.Join(m.dir, "run-*", "merge-*")); len(now) != len(left)-1 {
			t.Errorf("left behind: %v", now)
		}
	})
}

// Attributes are files of the repository: they may not say how to merge, let alone what to run.
func TestMergeObeysNoAttributes(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		m := newMerging(f)
		marker := filepath.Join(t.TempDir(), "ran")
		attrs := files{".gitattributes": "u merge=union\nd merge=evil\no -merge\n* diff=evil filter=evil\n",
			".gitconfig": fmt.Sprintf("[merge \"evil\"]\n\tdriver = touch %s\n", marker), "config": "[core]\n\tattributesFile = /etc/passwd\n"}
		with := func(text string) files {
			return files{"u": text, "d": text, "o": text}
		}
		m.commit(attrs)
		base := m.commit(with(tenLines))
		ours := m.commit(with(changed("5", "five")))
		theirs := m.branch("side", base, with(changed("5", "FIVE")))
		out, _ := m.merge(gitstore.MergeSpec{Ours: ours, Theirs: theirs})
		if len(out.Conflicts) != 3 {
			t.Errorf("conflicts: %+v", out.Conflicts)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Error("a driver was run")
		}
		// Where lines do not clash, "-merge" would make a conflict of it all the same.
		apart := m.branch("apart", base, with(changed("1", "one")))
		if out, _ := m.merge(gitstore.MergeSpec{Ours: ours, Theirs: apart}); len(out.Conflicts) != 0 {
			t.Errorf("conflicts: %+v", out.Conflicts)
		}
	})
}

// A file made to take memory fails its merge, and nothing else.
func TestMergeIsBounded(t *testing.T) {
	f := newFixture(t, dbtest.New(t, db.SQLite), folder(t), gitstore.Options{})
	m := newMerging(f)
	lines := func(step int) string {
		b := []byte(strings.Repeat("a\n", 4_900_000))
		for i := 0; i < len(b); i += 2 * step {
			b[i] = byte('b' + i/2%20)
		}
		return string(b)
	}
	base := m.commit(files{"f": lines(1 << 30), "g": "g"})
	ours := m.commit(files{"f": lines(5)})
	theirs := m.branch("side", base, files{"f": lines(7)})
	p, err := m.c.Use(m.ctx, m.id, main)
	m.ok(err)
	defer p.Release()
	if _, err := p.Merge(m.ctx, gitstore.MergeSpec{Ours: ours, Theirs: theirs}); !errs.Is(err, errs.TooLarge) {
		t.Errorf("a merge of millions of lines: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(m.dir, "run-*", "merge-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// More conflicts than a list should have are cut, and said to be.
func TestManyConflicts(t *testing.T) {
	f := newFixture(t, dbtest.New(t, db.SQLite), folder(t), gitstore.Options{})
	m := newMerging(f)
	with := func(text string) files {
		fs := files{}
		for i := range 1100 {
			fs[fmt.Sprintf("d/f%04d", i)] = text
		}
		return fs
	}
	base := m.commit(with("1\n"))
	ours := m.commit(with("2\n"))
	theirs := m.branch("side", base, with("3\n"))
	out, _ := m.merge(gitstore.MergeSpec{Ours: ours, Theirs: theirs})
	if len(out.Conflicts) != 1000 || !out.More {
		t.Errorf("%d conflicts, more %v", len(out.Conflicts), out.More)
	}
	for _, c := range out.Conflicts {
		if c.Kind != "content" || c.Message == "" || c.Base.OID.IsZero() || c.Ours.OID.IsZero() || c.Theirs.OID.IsZero() {
			t.Fatalf("%+v", c)
		}
	}
}

// Between lists what git rev-list lists.
func TestBetween(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		m := newMerging(f)
		root := m.commit(files{"a": "1"})
		left := m.commit(files{"a": "2"})
		m.branch("side", root, files{"b": "1"})
		right, err := m.try("refs/heads/side", files{"b": "2"})
		m.ok(err)
		both, err := m.commitOn(m.open(), "refs/heads/side", right, files{"c": "1"}, m.clock+1, left)
		m.ok(err)
		bare := m.bare()
		for _, c := range [][2]hub.OID{{left, both}, {both, left}, {root, both}, {right, left}, {both, both}} {
			list, more, err := m.open().Between(m.ctx, c[0], c[1], 10)
			m.ok(err)
			got := []string{}
			for _, x := range list {
				got = append(got, x.OID.String())
			}
			if want := gitIn(t, bare, nil, "rev-list", c[0].String()+".."+c[1].String()); strings.Join(got, "\n") != want || more {
				t.Errorf("%s..%s: %v, git's %v", c[0], c[1], got, want)
			}
		}
		if list, more, err := m.open().Between(m.ctx, root, both, 2); err != nil || len(list) != 2 || !more {
			t.Errorf("cut: %d, %v, %v", len(list), more, err)
		}
	})
}
