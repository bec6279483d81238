package bench

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the limit of what is measured
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

const scrubbed = 256 << 20

// used is the processor time of this process, which other work on the machine changes less than the rate.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// span is what something took.
type span struct{ wall, cpu time.Duration }

func measure(f func()) (s span) {
	wall, cpu := time.Now(), used()
	f()
	return span{time.Since(wall), used() - cpu}
}

func (s *span) add(o span) { s.wall, s.cpu = s.wall+o.wall, s.cpu+o.cpu }

// BenchmarkScrub verifies the xorbs of a folder, read from the disk, chunk by chunk, and beside it hashes as many bytes in
// memory: the hash limit. The goal is 0.8 of it a core. ratio is by the clock, one worker; cpu-ratio by processor time;
// chunk-ratio is cpu-ratio to hashing them in chunks of the lengths that they have, which takes longer than in even ones.
func BenchmarkScrub(b *testing.B) {
	ctx := context.Background()
	e := xetstoretest.New(b, dbtest.New(b, db.SQLite), blobtest.FS(b))
	e.Repo(b, "repo", "alice", "private")
	data := make([]byte, scrubbed)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	if _, err := e.Ingest(ctx, xetstore.Scope{UserID: "alice", RepoID: "repo", Owners: []string{"alice"}}, bytes.NewReader(data), xetstore.Expect{Size: scrubbed}); err != nil {
		b.Fatal(err)
	}
	xorbs, err := e.Xorbs(ctx, nil, 100)
	if err != nil {
		b.Fatal(err)
	}
	ends := chunkEnds(b, data)
	var verify, hash, chunks span
	b.SetBytes(scrubbed)
	for b.Loop() {
		verify.add(measure(func() {
			for _, x := range xorbs {
				if err := e.Verify(ctx, x.Hash, blob.Data); err != nil {
					b.Fatal(err)
				}
			}
		}))
		b.StopTimer()
		hash.add(measure(func() {
			for at := 0; at < len(data); at += 64 << 10 {
				xet.ChunkHash(data[at:min(at+64<<10, len(data))])
			}
		}))
		chunks.add(measure(func() {
			for i := 1; i < len(ends); i++ {
				xet.ChunkHash(data[ends[i-1]:ends[i]])
			}
		}))
		b.StartTimer()
	}
	b.ReportMetric(hash.wall.Seconds()/verify.wall.Seconds(), "ratio")
	b.ReportMetric(hash.cpu.Seconds()/verify.cpu.Seconds(), "cpu-ratio")
	b.ReportMetric(chunks.cpu.Seconds()/verify.cpu.Seconds(), "chunk-ratio")
}

// chunkEnds is where the chunks of data begin and end.
func chunkEnds(b *testing.B, data []byte) []int {
	b.Helper()
	ends := []int{0}
	for c := xet.NewChunker(bytes.NewReader(data)); ; {
		chunk, err := c.Next()
		if err == io.EOF {
			return ends
		}
		if err != nil {
			b.Fatal(err)
		}
		ends = append(ends, ends[len(ends)-1]+len(chunk))
	}
}

// BenchmarkScrubPack is the same of a git pack's SHA-1.
func BenchmarkScrubPack(b *testing.B) {
	ctx := context.Background()
	store := blobtest.FS(b)
	data := make([]byte, scrubbed)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(data)
	if err := blob.PutBytes(ctx, store, "git/pack", data); err != nil {
		b.Fatal(err)
	}
	var verify, hash span
	b.SetBytes(scrubbed)
	for b.Loop() {
		verify.add(measure(func() {
			r, err := blob.OpenUncached(ctx, store, "git/pack", 0, -1)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			if n, err := io.Copy(git.NewPackVerifier(scrubbed), r); err != nil || n != scrubbed {
				b.Fatal(n, err)
			}
		}))
		b.StopTimer()
		hash.add(measure(func() { sha1.Sum(data) })) //nolint:gosec // as above
		b.StartTimer()
	}
	b.ReportMetric(hash.wall.Seconds()/verify.wall.Seconds(), "ratio")
	b.ReportMetric(hash.cpu.Seconds()/verify.cpu.Seconds(), "cpu-ratio")
}
