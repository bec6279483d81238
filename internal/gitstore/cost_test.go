package gitstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/gitstore"
)

func benchFixture(b testing.TB) *fixture {
	store, err := fs.New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	var s blob.Store = store
	return newFixture(b, dbtest.New(b, db.SQLite), s, gitstore.Options{})
}

func (f *fixture) fill(n int) {
	fs := make(files, n)
	for k := range n {
		fs[numbered(k)] = fmt.Sprintf("file %d", k)
	}
	f.commit(fs)
}

// BenchmarkCommitSizes is a commit of one file in repositories of 100 and of 100,000 files, in turns, so that a busy
// machine slows both: the medians must be alike.
func BenchmarkCommitSizes(b *testing.B) {
	sizes := []int{100, 100_000}
	fs := make([]*fixture, len(sizes))
	took := make([][]time.Duration, len(sizes))
	for k, n := range sizes {
		fs[k] = benchFixture(b)
		fs[k].fill(n)
	}
	for i := 0; b.Loop(); i++ {
		for k, f := range fs {
			start := time.Now()
			f.commit(files{fmt.Sprintf("d%03d/s00/n%d.txt", i%100, i%7): fmt.Sprint(i)})
			took[k] = append(took[k], time.Since(start))
			if f.open().NeedsFold() {
				if _, err := f.s.Fold(f.ctx, f.id); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	for k, n := range sizes {
		b.ReportMetric(median(took[k]), fmt.Sprintf("us/%d", n))
	}
}

// BenchmarkCommitSlope prints the cost of the first and the last of 2,000 commits.
func BenchmarkCommitSlope(b *testing.B) {
	for _, fold := range []bool{false, true} {
		b.Run(fmt.Sprintf("fold=%v", fold), func(b *testing.B) {
			for b.Loop() {
				f := benchFixture(b)
				f.fill(100)
				var took []time.Duration
				for i := range 2400 {
					start := time.Now()
					f.commit(files{numbered(i % 100): fmt.Sprint(i)})
					took = append(took, time.Since(start))
					if fold && f.open().NeedsFold() {
						if _, err := f.s.Fold(f.ctx, f.id); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(median(took[20:420]), "first-us")
				b.ReportMetric(median(took[2000:]), "last-us")
			}
		})
	}
}

func median(ds []time.Duration) float64 {
	slices.Sort(ds)
	return float64(ds[len(ds)/2].Microseconds())
}

func BenchmarkCommitManyFiles(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := benchFixture(b)
			f.commit(files{"README.md": "x"})
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				fs := make(files, n)
				for k := range n {
					fs[numbered(k)] = fmt.Sprintf("file %d of run %d %s", k, i, strings.Repeat("some text ", 10))
				}
				b.StartTimer()
				f.commit(fs)
			}
		})
	}
}

// BenchmarkWalk is a page of 1,000 at the start, in the middle and at the end.
func BenchmarkWalk(b *testing.B) {
	f := benchFixture(b)
	f.fill(100_000)
	flat := make(files, 100_000)
	for k := range 100_000 {
		flat[fmt.Sprintf("flat/f%06d.txt", k)] = "x"
	}
	f.commit(flat)
	root := f.tree(f.tip(main))
	r := f.open()
	for name, o := range map[string]gitstore.WalkOptions{
		"deep/start": {Recursive: true},
		"deep/end":   {Recursive: true, After: "d199/s40/f080000.txt"},
		"flat/start": {Dir: "flat"},
		"flat/end":   {Dir: "flat", After: "flat/f098999.txt"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, _, err := r.Walk(f.ctx, root, o)
				if err != nil || len(page) == 0 {
					b.Fatal(err, len(page))
				}
			}
		})
	}
	b.Run("flat/commit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			f.commit(files{"flat/f050000.txt": fmt.Sprint(i)})
		}
	})
}

func BenchmarkHistory(b *testing.B) {
	f := benchFixture(b)
	f.fill(2000)
	for i := range 2000 {
		f.commit(files{numbered(i): fmt.Sprint("changed", i)})
	}
	tip := f.tip(main)
	var names []string
	for d := range 200 {
		names = append(names, fmt.Sprintf("d%03d", d))
	}
	b.Run("last/cold", func(b *testing.B) {
		for b.Loop() {
			f.s = gitstore.New(f.db, f.blobs, gitstore.Options{})
			if m, err := f.open().LastCommits(f.ctx, tip, "", names); err != nil || len(m) != 200 {
				b.Fatal(err, len(m))
			}
		}
	})
	b.Run("last/afterCommit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			c := f.commit(files{"d000/x": fmt.Sprint(i)})
			b.StartTimer()
			if _, err := f.open().LastCommits(f.ctx, c, "", names); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("count/cold", func(b *testing.B) {
		for b.Loop() {
			f.s = gitstore.New(f.db, f.blobs, gitstore.Options{})
			if n, err := f.open().Count(f.ctx, tip); err != nil || n < 2001 {
				b.Fatal(err, n)
			}
		}
	})
	b.Run("count/afterCommit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			c := f.commit(files{"d000/x": fmt.Sprint("count", i)})
			b.StartTimer()
			if _, err := f.open().Count(f.ctx, c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// cost is what some work took.
type cost struct {
	statements, blobs int64
}

func (f *fixture) costOf(b *counting, work func()) cost {
	before, opened := f.db.Statements(), b.opened.Load()
	work()
	return cost{int64(f.db.Statements() - before), b.opened.Load() - opened}
}

// grown makes a repository of so many commits, folded as the hub folds.
func (f *fixture) grown(commits int) {
	f.t.Helper()
	f.fill(500)
	for i := range commits {
		f.commit(files{numbered(i % 500): fmt.Sprint(i)})
		if i%8 == 0 && f.open().NeedsFold() {
			_, err := f.s.Fold(f.ctx, f.id)
			f.ok(err)
		}
	}
}

func (f *fixture) readOne() {
	f.t.Helper()
	e, err := f.open().Entry(f.ctx, f.tree(f.tip(main)), numbered(3))
	f.ok(err)
	_, err = f.open().BlobBytes(f.ctx, e.OID, 1<<20)
	f.ok(err)
}

// A commit and a read ask the database and the store as often after thousands of commits as after ten.
func TestCostDoesNotGrowWithPacks(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		store, err := fs.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		type costs struct{ commit, read, cold cost }
		var first costs
		for _, n := range []int{10, 200, 2000} {
			b := &counting{Store: store}
			f := newFixture(t, d, b, gitstore.Options{InlineMax: 16 << 10})
			f.grown(n)
			packs, err := f.s.Export(f.ctx, f.id)
			f.ok(err)
			var c costs
			c.commit = f.costOf(b, func() { f.commit(files{"top": fmt.Sprint(n)}) })
			f.readOne()
			c.read = f.costOf(b, f.readOne)
			f.s = gitstore.New(f.db, b, gitstore.Options{InlineMax: 16 << 10, CacheDir: t.TempDir()}) // as another node
			c.cold = f.costOf(b, f.readOne)
			t.Logf("%d commits, %d packs: %+v", n, len(packs), c)
			if n == 10 {
				first = c
				continue
			}
			if c.commit != first.commit || c.read != first.read {
				t.Errorf("after %d commits a commit or a read costs %+v, after ten %+v", n, c, first)
			}
			if c.cold.statements > first.cold.statements+2 || c.cold.blobs > int64(len(packs)) || len(packs) > 48 {
				t.Errorf("after %d commits a first read costs %+v with %d packs, after ten %+v", n, c.cold, len(packs), first.cold)
			}
		}
	})
}

// BenchmarkAfterCommits is a commit, a read and a first read on another node in repositories of 10, 1,000 and 10,000
// commits, in turns.
func BenchmarkAfterCommits(b *testing.B) {
	sizes := []int{10, 1000, 10_000}
	fs := make([]*fixture, len(sizes))
	for k, n := range sizes {
		fs[k] = benchFixture(b)
		fs[k].grown(n)
	}
	took := map[string][]time.Duration{}
	note := func(what string, n int, work func()) {
		start := time.Now()
		work()
		key := fmt.Sprintf("%s-us/%d", what, n)
		took[key] = append(took[key], time.Since(start))
	}
	for i := 0; b.Loop(); i++ {
		for k, f := range fs {
			note("commit", sizes[k], func() { f.commit(files{"top.txt": fmt.Sprint(i)}) })
			note("read", sizes[k], f.readOne)
			warm := f.s
			f.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: b.TempDir()})
			note("first-read", sizes[k], f.readOne)
			if f.s = warm; f.open().NeedsFold() {
				_, err := f.s.Fold(f.ctx, f.id)
				f.ok(err)
			}
		}
	}
	for key, ds := range took {
		b.ReportMetric(median(ds), key)
	}
}
