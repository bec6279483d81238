package gitstore_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// imported is a repository whose history, with merges, was made by fast-import and repacked with deltas by git.
func imported(t *testing.T, f *fixture) (dir string, commits []string) {
	dir = filepath.Join(t.TempDir(), "h.git")
	gitIn(t, os.TempDir(), nil, "init", "-q", "--bare", "-b", "main", dir)
	rnd := rand.New(rand.NewPCG(3, 4))
	var in bytes.Buffer
	for c := 1; c <= 120; c++ {
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter C <c@x> %d +0000\ndata 1\nm\n", c, 1700000000+c/2*10)
		if c > 1 {
			fmt.Fprintf(&in, "from :%d\n", max(1, c-1-rnd.IntN(4)))
			if m := 1 + rnd.IntN(c-1); rnd.IntN(3) == 0 && m != c {
				fmt.Fprintf(&in, "merge :%d\n", m)
			}
		}
		for range 1 + rnd.IntN(3) {
			text := strings.Repeat(fmt.Sprintln("line", rnd.IntN(30)), 20)
			fmt.Fprintf(&in, "M 100644 inline d%d/f%d\ndata %d\n%s\n", rnd.IntN(3), rnd.IntN(5), len(text), text)
		}
	}
	fmt.Fprintf(&in, "tag v1\nfrom :100\ntagger T <t@x> 1700000000 +0000\ndata 2\nv1\n")
	gitIn(t, dir, in.Bytes(), "fast-import", "--quiet", "--force")
	gitIn(t, dir, nil, "repack", "-adfq")
	packs, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	b, err := os.ReadFile(packs[0])
	f.ok(err)
	p, err := f.s.IngestPack(f.ctx, f.id, bytes.NewReader(b), int64(len(b)), git.IndexLimits{})
	f.ok(err)
	oid := func(ref string) hub.OID {
		o, err := hub.ParseOID(gitIn(t, dir, nil, "rev-parse", ref))
		f.ok(err)
		return o
	}
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error {
		if err := f.s.AddPack(f.ctx, tx, f.id, p); err != nil {
			return err
		}
		return f.s.UpdateRefs(f.ctx, tx, f.id, []gitstore.RefUpdate{
			{Name: main, New: oid("main")}, {Name: "refs/tags/v1", New: oid("refs/tags/v1")}})
	}))
	return dir, strings.Fields(gitIn(t, dir, nil, "rev-list", "main"))
}

func parse(t *testing.T, s string) hub.OID {
	t.Helper()
	oid, err := hub.ParseOID(s)
	if err != nil {
		t.Fatal(err)
	}
	return oid
}

// logLikeGit compares all pages of a history with git's, in order.
func logLikeGit(t *testing.T, f *fixture, dir, from, path string) {
	t.Helper()
	args := []string{"--literal-pathspecs", "log", "--format=%H", from}
	if path != "" {
		args = append(args, "--", path)
	}
	want := strings.Fields(gitIn(t, dir, nil, args...))
	var got []string
	for more := true; more; {
		var page []gitstore.CommitInfo
		var err error
		page, more, err = f.open().Log(f.ctx, parse(t, from), gitstore.LogOptions{Path: path, Skip: len(got), Limit: 40})
		f.ok(err)
		for _, c := range page {
			got = append(got, c.OID.String())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("log of %q from %s: %v, git has %v", path, from, got, want)
	}
	if path == "" {
		return
	}
	if n, err := f.open().CountPath(f.ctx, parse(t, from), path); err != nil || n != len(want) {
		t.Errorf("%q from %s: %d commits, git has %d, %v", path, from, n, len(want), err)
	}
}

func TestHistoryLikeGit(t *testing.T) {
	f := benchFixture(t)
	dir, commits := imported(t, f)
	r := f.open()
	for _, path := range []string{"", "d0", "d1/f2", "none", "d1/f2/x", "d2/f4"} {
		for _, from := range append(commits, commits[0]) { // oldest last, then again from the newest
			logLikeGit(t, f, dir, from, path)
		}
		f.s.ForgetFacts()
		for i := len(commits) - 1; i >= 0; i -= 3 { // as a history grows, each search ending at one before
			logLikeGit(t, f, dir, commits[i], path)
		}
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		a, b := commits[rnd.IntN(len(commits))], commits[rnd.IntN(len(commits))]
		oa, ob := parse(t, a), parse(t, b)
		n, err := r.Count(f.ctx, oa)
		if want := gitIn(t, dir, nil, "rev-list", "--count", a); err != nil || fmt.Sprint(n) != want {
			t.Errorf("count %d, git %s, %v", n, want, err)
		}
		ahead, behind, err := r.AheadBehind(f.ctx, oa, ob)
		if want := gitIn(t, dir, nil, "rev-list", "--left-right", "--count", a+"..."+b); err != nil || fmt.Sprintf("%d\t%d", ahead, behind) != want {
			t.Errorf("ahead %d behind %d, git %s, %v", ahead, behind, want, err)
		}
		base, ok, err := r.MergeBase(f.ctx, oa, ob)
		if want := strings.Fields(gitIn(t, dir, nil, "merge-base", "--all", a, b)); err != nil || !ok || !slices.Contains(want, base.String()) {
			t.Errorf("merge base %s, git %v, %v", base, want, err)
		}
		is, err := r.IsAncestor(f.ctx, oa, ob)
		if want := slices.Contains(strings.Fields(gitIn(t, dir, nil, "rev-list", b)), a); err != nil || is != want {
			t.Errorf("ancestor %v, git %v, %v", is, want, err)
		}
	}
	if rev, err := r.Resolve(f.ctx, f.db, "v1"); err != nil || rev.Commit.String() != gitIn(t, dir, nil, "rev-parse", "v1^{}") || rev.Ref != "refs/tags/v1" {
		t.Errorf("v1: %v %v", rev, err)
	}
}

// TestLastCommits compares with git log on a linear history, growing commit by commit with the cache in between.
func TestLastCommits(t *testing.T) {
	f := benchFixture(t)
	rnd := rand.New(rand.NewPCG(7, 8))
	names := []string{"f0", "f1", "f2", "f3", "f4", "none"}
	for i := range 30 {
		f.commit(files{fmt.Sprintf("d/f%d", rnd.IntN(5)): fmt.Sprint(i), fmt.Sprintf("x%d", i): ""})
	}
	dir := f.bare()
	for _, c := range strings.Fields(gitIn(t, dir, nil, "rev-list", "--reverse", "main")) {
		got, err := f.open().LastCommits(f.ctx, parse(t, c), "d", names)
		f.ok(err)
		for _, name := range names {
			want := gitIn(t, dir, nil, "log", "-1", "--format=%H", c, "--", "d/"+name)
			if have := got[name]; (have == nil) != (want == "") || (have != nil && have.OID.String() != want) {
				t.Errorf("%s at %s: %v, git %s", name, c, have, want)
			}
		}
	}
	f.s = gitstore.New(f.db, f.blobs, gitstore.Options{})
	if got, err := f.open().LastCommits(f.ctx, f.tip(main), "", []string{"x0", "x29", "d"}); err != nil || len(got) != 3 {
		t.Error(got, err)
	}
}

// TestSquashedCommitIsGone: an id resolves only while a ref has it in its history.
func TestSquashedCommitIsGone(t *testing.T) {
	f := benchFixture(t)
	first, second := f.commit(files{"a": "1"}), f.commit(files{"a": "2"})
	r := f.open()
	if _, err := r.Resolve(f.ctx, f.db, first.String()); err != nil {
		t.Fatal(err)
	}
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error {
		return f.s.UpdateRefs(f.ctx, tx, f.id, []gitstore.RefUpdate{{Name: main, Old: second, New: first}})
	}))
	if _, err := r.Resolve(f.ctx, f.db, second.String()); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	if _, err := r.Resolve(f.ctx, f.db, second.String()[:8]); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}

// TestViewOfAnotherNode: a ref that moved on another node after the view was made still resolves.
func TestViewOfAnotherNode(t *testing.T) {
	f := benchFixture(t)
	f.commit(files{"a": "1"})
	other := *f
	other.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: t.TempDir()})
	view := other.open()
	tip := f.commit(files{"a": "2"})
	for _, rev := range []string{"main", tip.String()} {
		if got, err := view.Resolve(f.ctx, f.db, rev); err != nil || got.Commit != tip {
			t.Error(rev, got, err)
		}
	}
	if c, err := view.Commit(f.ctx, tip); err != nil || c.Tree.IsZero() {
		t.Error(err)
	}
}

// TestTreeBomb: ten folders in each of thirty levels, all the same: 10^30 files in 31 objects.
func TestTreeBomb(t *testing.T) {
	f := benchFixture(t)
	w := f.s.NewPack(f.ctx, f.id)
	oid, err := w.AddBytes(git.KindBlob, []byte("boom"))
	f.ok(err)
	mode := git.ModeFile
	for range 31 {
		var es []git.TreeEntry
		for i := range 10 {
			es = append(es, git.TreeEntry{Name: fmt.Sprint(i), Mode: mode, OID: oid})
		}
		oid, err = w.AddBytes(git.KindTree, git.EncodeTree(es))
		f.ok(err)
		mode = git.ModeDir
	}
	p, err := w.Finish(f.ctx)
	f.ok(err)
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.AddPack(f.ctx, tx, f.id, p) }))
	start, r := time.Now(), f.open()
	if n, size, err := r.TreeSize(f.ctx, oid, ""); err != nil || n != math.MaxInt64 || size != math.MaxInt64 {
		t.Error(n, size, err)
	}
	page, next, err := r.Walk(f.ctx, oid, gitstore.WalkOptions{Recursive: true})
	if err != nil || len(page) != 1000 || next == "" {
		t.Error(len(page), next, err)
	}
	if _, more, err := r.Diff(f.ctx, hub.OID{}, oid, gitstore.DiffOptions{Limit: 100}); err != nil || !more {
		t.Error(more, err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestLargeBlob streams a file through the spool and back without holding it.
func TestLargeBlob(t *testing.T) {
	f := benchFixture(t)
	const size = 40 << 20
	w := f.s.NewPack(f.ctx, f.id)
	defer w.Abort()
	oid, err := w.AddBlob(f.ctx, size, &noise{left: size, rnd: rand.NewChaCha8([32]byte{})})
	f.ok(err)
	if _, err := w.AddBlob(f.ctx, size, strings.NewReader("short")); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	p, err := w.Finish(f.ctx)
	f.ok(err)
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.AddPack(f.ctx, tx, f.id, p) }))
	rc, info, err := f.open().Blob(f.ctx, oid)
	f.ok(err)
	defer rc.Close()
	h := git.NewHasher(git.KindBlob, info.Size)
	buf := make([]byte, 64<<10)
	for {
		n, err := rc.Read(buf)
		_, _ = h.Write(buf[:n])
		if err != nil {
			break
		}
	}
	if h.OID() != oid || p.Objects() != 1 {
		t.Error("the blob differs")
	}
}

type noise struct {
	left int
	rnd  *rand.ChaCha8
}

func (n *noise) Read(p []byte) (int, error) {
	m := min(len(p), n.left)
	if m == 0 {
		return 0, io.EOF
	}
	n.left -= m
	return n.rnd.Read(p[:m])
}
