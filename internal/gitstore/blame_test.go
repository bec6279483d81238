package gitstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
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

// history makes a repository by fast-import and hands its packs to the store.
func (f *fixture) history(t *testing.T, script []byte) (dir string, commits []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "h.git")
	gitIn(t, os.TempDir(), nil, "init", "-q", "--bare", "-b", "main", dir)
	gitIn(t, dir, script, "fast-import", "--quiet", "--force")
	gitIn(t, dir, nil, "repack", "-adfq")
	packs, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	b, err := os.ReadFile(packs[0])
	f.ok(err)
	p, err := f.s.IngestPack(f.ctx, f.id, bytes.NewReader(b), int64(len(b)), git.IndexLimits{})
	f.ok(err)
	tip := parse(t, gitIn(t, dir, nil, "rev-parse", "main"))
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error {
		if err := f.s.AddPack(f.ctx, tx, f.id, p); err != nil {
			return err
		}
		return f.s.UpdateRefs(f.ctx, tx, f.id, []gitstore.RefUpdate{{Name: main, New: tip}})
	}))
	return dir, strings.Fields(gitIn(t, dir, nil, "rev-list", "main"))
}

// author writes files as people do: lines that repeat, edits here and there, files that move, branches that come together.
type author struct {
	*rand.Rand
	in    bytes.Buffer
	trees []map[string][]string // by mark - 1
}

func (a *author) line() string {
	switch a.IntN(6) {
	case 0:
		return "\n"
	case 1:
		return strings.Repeat(" ", a.IntN(3)*4) + "}\n"
	}
	return strings.Repeat(" ", a.IntN(3)*4) + fmt.Sprint("word ", a.IntN(60)) + "\n"
}

func (a *author) lines(n int) (out []string) {
	for range n {
		out = append(out, a.line())
	}
	return out
}

func (a *author) edit(lines []string) []string {
	out := slices.Clone(lines)
	for range 1 + a.IntN(3) {
		at := a.IntN(len(out) + 1)
		end := min(len(out), at+a.IntN(4))
		switch a.IntN(3) {
		case 0:
			out = slices.Replace(out, at, end, a.lines(a.IntN(5))...)
		case 1:
			out = slices.Insert(out, at, a.lines(1+a.IntN(4))...)
		case 2:
			out = slices.Insert(out, at, slices.Clone(out[at:end])...)
		}
	}
	return out
}

// merge takes the whole of a file from either side, or lines of both.
func (a *author) merge(x, y []string) []string {
	switch a.IntN(4) {
	case 0:
		return x
	case 1:
		return y
	}
	k := a.IntN(min(len(x), len(y)) + 1)
	return append(slices.Clone(x[:k]), y[k:]...)
}

func (a *author) commit(parents ...int) {
	mark := len(a.trees) + 1
	fmt.Fprintf(&a.in, "commit refs/heads/main\nmark :%d\ncommitter C <c@x> %d +0000\ndata 1\nm\n", mark, 1700000000+mark*10)
	tree := map[string][]string{}
	for i, p := range parents {
		fmt.Fprintf(&a.in, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], p)
		for _, name := range slices.Sorted(maps.Keys(a.trees[p-1])) {
			lines := a.trees[p-1][name]
			if mine, ok := tree[name]; ok {
				tree[name] = a.merge(mine, lines)
			} else if i == 0 || a.IntN(2) == 0 {
				tree[name] = lines
			}
		}
	}
	if len(parents) == 0 {
		for i := range 4 {
			tree[fmt.Sprintf("d/f%d", i)] = a.lines(30 + a.IntN(200))
		}
	}
	a.change(tree, mark)
	a.in.WriteString("deleteall\n")
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		text := strings.Join(tree[name], "")
		fmt.Fprintf(&a.in, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	a.trees = append(a.trees, tree)
}

func (a *author) change(tree map[string][]string, mark int) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if a.IntN(2) == 0 {
			tree[name] = a.edit(tree[name])
		}
		if a.IntN(15) == 0 { // another name, sometimes another base name
			to := fmt.Sprintf("e%d/%s", a.IntN(3), name[strings.LastIndex(name, "/")+1:])
			if a.IntN(3) == 0 {
				to = fmt.Sprintf("d/g%d", mark)
			}
			if _, taken := tree[to]; !taken {
				tree[to] = tree[name]
				delete(tree, name)
			}
		}
	}
}

// gitBlame is "commit originalPath originalLine" of each line.
func gitBlame(t *testing.T, dir, commit, path string) (out []string) {
	t.Helper()
	names := map[string]string{}
	var head []string
	for _, line := range strings.Split(gitIn(t, dir, nil, "blame", "--porcelain", commit, "--", path), "\n") {
		switch {
		case strings.HasPrefix(line, "\t"):
			out = append(out, head[0]+" "+names[head[0]+head[1]]+" "+head[1])
			head = nil
		case head == nil:
			head = strings.Fields(line)
			if names[head[0]+head[1]] == "" {
				names[head[0]+head[1]] = names[head[0]]
			}
		case strings.HasPrefix(line, "filename "):
			names[head[0]], names[head[0]+head[1]] = line[9:], line[9:]
		}
	}
	return out
}

var blameLimits = gitstore.BlameLimits{Bytes: 1 << 20, Lines: 100_000, Commits: 10_000, Time: time.Minute}

func ourBlame(t *testing.T, f *fixture, commit, path string) (out []string) {
	t.Helper()
	b, err := f.open().Blame(f.ctx, parse(t, commit), path, blameLimits)
	f.ok(err)
	for _, h := range b.Hunks {
		if h.Start != len(out)+1 {
			t.Fatalf("%s at %s: a hunk starts at %d, the one before ends at %d", path, commit, h.Start, len(out))
		}
		for i := range h.Lines {
			out = append(out, fmt.Sprintf("%s %s %d", h.Commit, h.Path, h.Original+i))
		}
	}
	if b.Lines != len(out) || !b.Complete {
		t.Errorf("%s at %s: %d lines in hunks, %d in the file, complete %v", path, commit, len(out), b.Lines, b.Complete)
	}
	return out
}

// TestBlameLikeGit: every line of every file, linear and with merges, renames and repeated lines.
func TestBlameLikeGit(t *testing.T) {
	for seed := range uint64(4) {
		f := benchFixture(t)
		a := &author{Rand: rand.New(rand.NewPCG(seed, 9))}
		a.commit()
		for len(a.trees) < 60 {
			last := len(a.trees)
			from := max(1, last-a.IntN(4))
			if other := max(1, last-a.IntN(6)); seed > 0 && other != from && a.IntN(3) == 0 {
				a.commit(from, other)
			} else if seed == 0 {
				a.commit(last)
			} else {
				a.commit(from)
			}
		}
		dir, commits := f.history(t, a.in.Bytes())
		lines, wrong := 0, 0
		for _, c := range []string{commits[0], commits[len(commits)/3], commits[len(commits)/2]} {
			for _, path := range strings.Fields(gitIn(t, dir, nil, "ls-tree", "-r", "--name-only", c)) {
				want, got := gitBlame(t, dir, c, path), ourBlame(t, f, c, path)
				if len(got) != len(want) {
					t.Fatalf("%s at %s: %d lines, git has %d", path, c, len(got), len(want))
				}
				for i := range want {
					lines++
					if got[i] != want[i] {
						if wrong++; wrong < 4 {
							t.Errorf("seed %d: %s:%d at %s: %s, git says %s", seed, path, i+1, c, got[i], want[i])
						}
					}
				}
			}
		}
		t.Logf("seed %d: %d commits, %d lines, %d not as git", seed, len(commits), lines, wrong)
	}
}

// TestBlameBounds: what is too large is refused, what takes too long is answered as far as it came.
func TestBlameBounds(t *testing.T) {
	f := benchFixture(t)
	for i := range 20 {
		f.commit(files{"f": strings.Repeat("a\n", i+1), "dir/g": "1", "empty": ""})
	}
	tip, r := f.tip(main), f.open()
	for path, want := range map[string]errs.Kind{"none": errs.NotFound, "dir": errs.NotFound, "f/x": errs.NotFound} {
		if _, err := r.Blame(f.ctx, tip, path, blameLimits); !errs.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if b, err := r.Blame(f.ctx, tip, "empty", blameLimits); err != nil || b.Lines != 0 || len(b.Hunks) != 0 || !b.Complete {
		t.Error(b, err)
	}
	small := blameLimits
	small.Lines = 19
	if _, err := r.Blame(f.ctx, tip, "f", small); !errs.Is(err, errs.TooLarge) {
		t.Error(err)
	}
	small = blameLimits
	small.Bytes = 30
	if _, err := r.Blame(f.ctx, tip, "f", small); !errs.Is(err, errs.TooLarge) {
		t.Error(err)
	}
	for _, limits := range []gitstore.BlameLimits{{Bytes: 1000, Lines: 100, Commits: 5, Time: time.Minute}, {Bytes: 1000, Lines: 100, Commits: 1000}} {
		b, err := r.Blame(f.ctx, tip, "f", limits)
		if err != nil || b.Complete || b.Lines != 20 || !b.Hunks[0].Open {
			t.Error(b, err)
		}
	}
	if b, err := r.Blame(f.ctx, tip, "f", blameLimits); err != nil || !b.Complete || slices.ContainsFunc(b.Hunks, func(h gitstore.BlameHunk) bool { return h.Open }) {
		t.Error("what was cut short was kept", b, err)
	}
	if _, err := r.Blame(f.ctx, hub.OID{1}, "f", blameLimits); !errors.As(err, new(*errs.Error)) {
		t.Error(err)
	}
}
