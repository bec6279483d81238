package git_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
)

// BenchmarkWritePack is the pack of a commit of 10,000 small files.
func BenchmarkWritePack(b *testing.B) {
	data := make([][]byte, 10_000)
	for i := range data {
		data[i] = fmt.Appendf(nil, "file %d: %0200d", i, i)
	}
	for b.Loop() {
		spool := git.NewSpool(b.TempDir(), 1<<20)
		w := git.NewPackWriter(spool)
		for _, d := range data {
			if err := w.Add(git.KindBlob, git.Hash(git.KindBlob, d), d); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Finish(io.Discard); err != nil {
			b.Fatal(err)
		}
		spool.Close()
	}
}
