package gitstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/gitstore"
)

// longHistory is commits that each change one file of many, every hundredth the one that is asked about.
func longHistory(files, commits int) []byte {
	rnd := rand.New(rand.NewPCG(21, 22))
	var in bytes.Buffer
	asked := make([]int, 2000)
	for c := 1; c <= commits; c++ {
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter C <c@x> %d +0000\ndata 1\nm\n", c, 1700000000+c)
		if c > 1 {
			fmt.Fprintf(&in, "from :%d\n", c-1)
		}
		for f := 0; c == 1 && f < files; f++ {
			fmt.Fprintf(&in, "M 100644 inline d%d/e%d/f%d\ndata 2\nx\n\n", f%50, f/50%20, f)
		}
		if c%100 == 1 {
			asked[rnd.IntN(len(asked))] = c
			var text bytes.Buffer
			for i, by := range asked {
				fmt.Fprintln(&text, i, by)
			}
			fmt.Fprintf(&in, "M 100644 inline d1/e1/asked\ndata %d\n%s\n", text.Len(), text.Bytes())
			continue
		}
		text := fmt.Sprint(c)
		f := rnd.IntN(files)
		fmt.Fprintf(&in, "M 100644 inline d%d/e%d/f%d\ndata %d\n%s\n", f%50, f/50%20, f, len(text), text)
	}
	return in.Bytes()
}

// TestReadingLongHistory: what the first question costs, what the next ones do, and what git takes.
func TestReadingLongHistory(t *testing.T) {
	f := benchFixture(t)
	dir, commits := f.history(t, longHistory(20_000, 10_000))
	r, tip := f.open(), parse(t, commits[0])
	timed := func(what string, do func()) time.Duration {
		start := time.Now()
		do()
		took := time.Since(start)
		t.Logf("%s: %v", what, took)
		return took
	}
	log := func(from int, skip int) func() {
		return func() {
			page, _, err := r.Log(f.ctx, parse(t, commits[from]), gitstore.LogOptions{Path: "d1/e1/asked", Skip: skip, Limit: 10})
			if err != nil || len(page) != 10 {
				t.Fatal(len(page), err)
			}
		}
	}
	first := timed("commits of a path, the first time", log(4, 0))
	again, more := first, first
	for range 4 { // the best of a few: others have the machine, too
		again = min(again, timed("the last page", log(4, 90)))
	}
	for at := 3; at >= 0; at-- {
		more = min(more, timed("after one commit more", log(at, 0)))
	}
	if again > first/4+time.Millisecond || more > first/4+time.Millisecond {
		t.Errorf("a later page costs %v, a commit more %v, the first search %v", again, more, first)
	}
	timed("git log", func() { gitIn(t, dir, nil, "log", "--format=%H", "main", "--", "d1/e1/asked") })
	timed("blame", func() {
		b, err := r.Blame(f.ctx, tip, "d1/e1/asked", blameLimits)
		if err != nil || b.Lines != 2000 || !b.Complete {
			t.Fatal(b, err)
		}
	})
	timed("git blame", func() { gitIn(t, dir, nil, "blame", "--porcelain", "main", "--", "d1/e1/asked") })
	if want, got := gitBlame(t, dir, commits[0], "d1/e1/asked"), ourBlame(t, f, commits[0], "d1/e1/asked"); fmt.Sprint(want) != fmt.Sprint(got) {
		t.Error("blame is not git's")
	}
}
