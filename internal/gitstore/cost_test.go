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
