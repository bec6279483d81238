package gitstore_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// change makes random changes of some files, renames and folders in place of files among them.
func change(rnd *rand.Rand, has map[string]string, n int) files {
	fs, now := files{}, maps.Clone(has)
	put := func(p, text string) {
		for old := range now {
			if strings.HasPrefix(old, p+"/") || strings.HasPrefix(p, old+"/") || fs[old] != "" && strings.HasPrefix(old, p) {
				return
			}
		}
		fs[p], now[p] = text, text
	}
	drop := func(p string) {
		if fs[p] == "" {
			fs[p] = gone
			delete(now, p)
		}
	}
	for range n {
		keys := slices.Sorted(maps.Keys(now))
		p := keys[rnd.IntN(len(keys))]
		text := fmt.Sprintf("%s%d\n", now[p], rnd.IntN(1000))
		switch free := fmt.Sprintf("%c/n%d", 'a'+rnd.IntN(4), rnd.IntN(30)); rnd.IntN(10) {
		case 0, 1:
			put(free, strings.Repeat(free+"\n", 5))
		case 2:
			drop(p)
		case 3:
			if now[free] == "" {
				put(free, now[p])
				drop(p)
			}
		case 4:
			if !strings.Contains(p, "/") && fs[p] == "" {
				drop(p)
				put(p+"/in", text)
			}
		default:
			if fs[p] == "" {
				put(p, text)
			}
		}
	}
	if len(fs) == 0 {
		put("z", "z")
	}
	return fs
}

// Where nobody asks git, the result is what git would have said.
func TestMergeApartIsGits(t *testing.T) {
	const rounds = 300
	m := newMerging(newFixture(t, dbtest.New(t, db.SQLite), folder(t), gitstore.Options{}))
	rnd := rand.New(rand.NewPCG(7, 11))
	base := files{}
	for i := range 16 {
		p := fmt.Sprintf("%c/f%d", 'a'+i%4, i)
		if i > 11 {
			p = fmt.Sprintf("top%d", i)
		}
		base[p] = strings.Repeat(fmt.Sprintf("line of %s\n", p), 6)
	}
	root := m.commit(base)
	type pair struct{ ours, theirs hub.OID }
	pairs := make([]pair, rounds)
	for i := range pairs {
		side := func(name string) hub.OID {
			return m.branch(fmt.Sprintf("%s%d", name, i), root, change(rnd, base, 1+rnd.IntN(3)))
		}
		pairs[i] = pair{side("ours"), side("theirs")}
	}
	bare, r, apart := m.bare(), m.open(), 0
	for i, p := range pairs {
		edits, ok, err := r.MergeApart(m.ctx, root, p.ours, p.theirs)
		m.ok(err)
		if !ok {
			continue
		}
		w := m.s.NewPack(m.ctx, m.id)
		tree, err := r.EditTree(m.ctx, w, m.tree(p.ours), edits)
		w.Abort()
		if errs.Is(err, errs.Invalid) {
			continue
		}
		m.ok(err)
		apart++
		out, err := exec.Command("git", "-C", bare, "merge-tree", "--write-tree", p.ours.String(), p.theirs.String()).Output()
		if err != nil || strings.TrimSpace(string(out)) != tree.String() {
			t.Fatalf("round %d: %s, git says %v\n%s\n%s", i, tree, err, out, gitIn(t, bare, nil, "log", "--stat", "-1", p.ours.String()))
		}
	}
	if apart < rounds/5 {
		t.Errorf("only %d of %d merges were done without git", apart, rounds)
	}
	t.Logf("%d of %d merges were done without git", apart, rounds)
}
