package rot

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// Caches flips bits in all that a node keeps on its disk while it serves; what is stored stays as it is.
type Caches struct {
	Rounds int
}

// Run asks every door after each round: what comes is right, and after the first that noticed, whole.
func (c Caches) Run(t *testing.T, h *testhub.Hub) {
	r := &run{Flips: Flips{Each: 1}, t: t, h: h, alice: h.Member("alice", false), rng: rand.New(rand.NewPCG(13, uint64(c.Rounds)))}
	r.furnish()
	r.h = h.Node()
	r.ask(false)
	flipped := 0
	for range c.Rounds {
		n := r.flipCaches()
		if n < 3 { // the packs, and what git reads of them
			t.Errorf("%d files in the caches", n)
		}
		flipped += n
		r.ask(true)
		r.ask(false)
	}
	t.Logf("caches: %d bits flipped; answers: %d right, %d refused, %d cut short, %d wrong", flipped, r.right, r.refused, r.cut, r.wrong)
}

// flipCaches flips a bit in each file of the node's caches. Names that share a file get one.
func (r *run) flipCaches() (n int) {
	r.t.Helper()
	var done []os.FileInfo
	err := filepath.WalkDir(r.h.CacheDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		for _, other := range done {
			if os.SameFile(info, other) {
				return nil
			}
		}
		done = append(done, info)
		n++
		return r.flipFile(path)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// flipFile writes in place, as rot does: who has the file open or under another name sees it.
func (r *run) flipFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[r.rng.IntN(len(b))] ^= 1 << r.rng.IntN(8)
	return os.WriteFile(path, b, 0o600)
}
