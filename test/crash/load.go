package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// The repositories of the load. There are two with small files, so that writers meet each other.
const (
	repoLarge  = "large"
	repoBranch = "branches"
)

var reposSmall = []string{"small-0", "small-1"}

// Setup makes the repositories.
func Setup(t testing.TB, c *Client, l *Ledger) {
	t.Helper()
	first := []Change{{Path: "first.txt", Data: []byte("first\n")}}
	for _, repo := range append([]string{repoLarge, repoBranch}, reposSmall...) {
		op := l.Begin(map[Key]Value{{Repo: repo}: {There: true}, {Repo: repo, Branch: "main"}: {There: true}})
		a := c.CreateRepo(repo)
		l.End(op, a)
		if a.OK() {
			a = (&writer{c: c, l: l}).commit(repo, "main", first)
		}
		if !a.OK() {
			t.Fatal(a)
		}
	}
}

// Load runs writers of every kind until ctx ends or the hub is gone. round keeps their names apart.
func Load(ctx context.Context, t testing.TB, c *Client, l *Ledger, round int) {
	var wg sync.WaitGroup
	for i, work := range []func(*writer, int) Answer{
		(*writer).small, (*writer).small, (*writer).small, (*writer).xet, (*writer).lfs, (*writer).branches, (*writer).repos,
	} {
		w := &writer{t: t, c: c, l: l, id: i, round: round, rng: rand.New(rand.NewPCG(uint64(round), uint64(i)))}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; ctx.Err() == nil; n++ {
				if a := work(w, n); a.Err != nil {
					return
				}
			}
		}()
	}
	wg.Wait()
}

// writer is one client of the load.
type writer struct {
	t         testing.TB
	c         *Client
	l         *Ledger
	id, round int
	rng       *rand.Rand

	last []Change // of the last commit that was acknowledged
}

func (w *writer) commit(repo, branch string, files []Change) Answer {
	after := map[Key]Value{}
	for _, f := range files {
		after[Key{repo, branch, f.Path}] = FileValue(f)
	}
	op := w.l.Begin(after)
	a := w.c.Commit(repo, branch, files)
	w.l.End(op, a)
	return a
}

func (w *writer) name(n int) string { return fmt.Sprintf("r%04d/w%d/%04d", w.round, w.id, n) }

// seed is another one for each piece of content.
func (w *writer) seed() uint64 { return w.rng.Uint64() }

// small commits some files, and now and then overwrites and deletes some of the commit before.
func (w *writer) small(n int) Answer {
	repo := reposSmall[(w.id+w.round)%len(reposSmall)]
	var files []Change
	for i := range 1 + w.rng.IntN(12) {
		files = append(files, Change{Path: fmt.Sprintf("%s/f%02d", w.name(n), i), Data: xetstoretest.Random(w.seed(), w.rng.IntN(3000))})
	}
	if len(w.last) > 2 && w.rng.IntN(3) == 0 {
		files = append(files, Change{Path: w.last[0].Path, Gone: true}, Change{Path: w.last[1].Path, Data: xetstoretest.Random(w.seed(), 700)})
	}
	if w.rng.IntN(12) == 0 { // a pack that does not fit into a row
		files = append(files, Change{Path: w.name(n) + "/bulk", Data: xetstoretest.Random(w.seed(), 300_000+w.rng.IntN(1_500_000))})
	}
	a := w.commit(repo, "main", files)
	w.last = nil
	if a.OK() {
		for _, f := range files {
			if !f.Gone {
				w.last = append(w.last, f)
			}
		}
	}
	return a
}

// xet uploads a large file by its chunks and commits it beside a small one.
func (w *writer) xet(n int) Answer {
	return w.large(n, func(data []byte) Answer { return w.c.PutXet(w.t, repoLarge, data) })
}

// lfs uploads a large file in one piece.
func (w *writer) lfs(n int) Answer {
	return w.large(n, func(data []byte) Answer { return w.c.PutLFS(repoLarge, data) })
}

func (w *writer) large(n int, put func([]byte) Answer) Answer {
	size := 50_000 + w.rng.IntN(1_500_000)
	if w.rng.IntN(8) == 0 {
		size = 10 << 20 // beyond what is kept in the page cache
	}
	data := xetstoretest.Mixed(w.seed(), size)
	if len(w.last) > 0 && w.rng.IntN(2) == 0 { // another version of the file before
		data = append([]byte(nil), w.last[0].Data...)
		copy(data[w.rng.IntN(len(data)/2):], xetstoretest.Random(w.seed(), 1000))
	}
	if a := put(data); !a.OK() {
		return a
	}
	files := []Change{{Path: w.name(n) + "/large.bin", Data: data, Large: true}, {Path: w.name(n) + "/note.txt", Data: []byte(w.name(n))}}
	a := w.commit(repoLarge, "main", files)
	if a.OK() {
		w.last = files
	}
	return a
}

// branches makes a branch, commits to it, and removes most of them again.
func (w *writer) branches(n int) Answer {
	name := fmt.Sprintf("b-%d-%d", w.round, n)
	branch := Key{Repo: repoBranch, Branch: name}
	after := map[Key]Value{branch: {There: true}}
	for _, k := range w.l.Below(Key{Repo: repoBranch, Branch: "main"}) {
		if k.Path != "" {
			after[Key{repoBranch, name, k.Path}] = w.l.Get(k)
		}
	}
	op := w.l.Begin(after)
	a := w.c.CreateBranch(repoBranch, name)
	w.l.End(op, a)
	if a.OK() {
		a = w.commit(repoBranch, name, []Change{{Path: "a", Data: []byte(name)}, {Path: "first.txt", Data: []byte(name)}})
	}
	if !a.OK() || n%4 == 0 {
		return a
	}
	return w.remove(branch, func() Answer { return w.c.DeleteBranch(repoBranch, name) })
}

// repos makes a repository with a file, removes it, and now and then makes it again, empty.
func (w *writer) repos(n int) Answer {
	name := fmt.Sprintf("repo-%d-%d", w.round, n)
	repo := Key{Repo: name}
	a := w.create(name)
	if a.OK() {
		a = w.commit(name, "main", []Change{{Path: "a", Data: []byte(name)}})
	}
	if !a.OK() || n%4 == 0 {
		return a
	}
	a = w.remove(repo, func() Answer { return w.c.DeleteRepo(name) })
	if a.OK() && n%4 == 1 {
		a = w.create(name)
	}
	return a
}

func (w *writer) create(repo string) Answer {
	op := w.l.Begin(map[Key]Value{{Repo: repo}: {There: true}, {Repo: repo, Branch: "main"}: {There: true}})
	a := w.c.CreateRepo(repo)
	w.l.End(op, a)
	return a
}

func (w *writer) remove(k Key, do func() Answer) Answer {
	after := map[Key]Value{}
	for _, b := range w.l.Below(k) {
		after[b] = Value{}
	}
	op := w.l.Begin(after)
	a := do()
	w.l.End(op, a)
	return a
}
