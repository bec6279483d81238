package bench

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

const engineBytes = 64 << 20

// BenchmarkHash is the limit of all that reads every byte: what one core hashes.
func BenchmarkHash(b *testing.B) {
	data := xetstoretest.Random(1, engineBytes)
	for name, h := range map[string]hash.Hash{"sha256": sha256.New(), "blake3": blake3.New()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(engineBytes)
			for b.Loop() {
				h.Write(data)
			}
		})
	}
}

// BenchmarkChunker cuts and names chunks, as every upload that comes in as a plain file is.
func BenchmarkChunker(b *testing.B) {
	data := xetstoretest.Random(1, engineBytes)
	b.SetBytes(engineBytes)
	for b.Loop() {
		hashChunks(b, data)
	}
}

// hashChunks is what a client does before it sends anything.
func hashChunks(b *testing.B, data []byte) {
	b.Helper()
	c := xet.NewChunker(bytes.NewReader(data))
	for {
		chunk, err := c.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		xet.ChunkHash(chunk)
	}
}

// BenchmarkXorbVerify is what an uploaded xorb costs before anything is written.
func BenchmarkXorbVerify(b *testing.B) {
	for name, data := range map[string][]byte{"random": xetstoretest.Random(1, 32<<20), "floats": xetstoretest.Floats(1, 32<<20)} {
		b.Run(name, func(b *testing.B) {
			x := (&xetstoretest.Client{}).Pack(b, data).Xorbs[0]
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := xet.VerifyXorb(bytes.NewReader(x.Body), io.Discard, x.Hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkShardParse reads the shard of a thousand files.
func BenchmarkShardParse(b *testing.B) {
	files := make([][]byte, 1000)
	for i := range files {
		files[i] = xetstoretest.Random(uint64(i), 64<<10)
	}
	shard := (&xetstoretest.Client{}).PackTogether(b, files...).Bytes()
	b.SetBytes(int64(len(shard)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := xet.ParseShard(bytes.NewReader(shard), int64(len(shard)))
		if err != nil || len(s.Files) != len(files) {
			b.Fatal(len(s.Files), err)
		}
	}
}

// packed is a pack of n small files.
func packed(b *testing.B, n int) ([]byte, *git.Catalog) {
	b.Helper()
	spool := git.NewSpool(b.TempDir(), 16<<20)
	defer spool.Close()
	w := git.NewPackWriter(spool)
	for i := range n {
		data := fmt.Appendf(nil, "file %d\n%x\n", i, sha256.Sum256(fmt.Append(nil, i)))
		if err := w.Add(git.KindBlob, git.Hash(git.KindBlob, data), data); err != nil {
			b.Fatal(err)
		}
	}
	var out bytes.Buffer
	cat, err := w.Finish(&out)
	if err != nil {
		b.Fatal(err)
	}
	return out.Bytes(), cat
}

const packObjects = 10_000

func perObject(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/packObjects, "ns/object")
}

// BenchmarkPackWrite is what the files of a commit cost on their way into a pack.
func BenchmarkPackWrite(b *testing.B) {
	for b.Loop() {
		packed(b, packObjects)
	}
	perObject(b)
}

// BenchmarkPackRead reads every object of a pack and checks it against its name.
func BenchmarkPackRead(b *testing.B) {
	pack, cat := packed(b, packObjects)
	for b.Loop() {
		r := git.NewPackReader(bytes.NewReader(pack), cat)
		for i := range cat.Len() {
			if _, _, err := r.Object(i, 1<<20); err != nil {
				b.Fatal(err)
			}
		}
	}
	perObject(b)
}

// BenchmarkMark is the collector's marking of a history of 100 commits on 20,000 files. A deleted branch is what it looks for:
// without one it has nothing to do.
func BenchmarkMark(b *testing.B) {
	h := testhub.NewUnchecked(b)
	fill(b, h, "admin/mark", 20_000)
	for i := range 100 {
		h.Commit(h.Admin, hub.Model, "admin/mark", "main", map[string]string{fmt.Sprintf("d%03d/new.txt", i): fmt.Sprint(i)})
	}
	h.JSON(h.Admin, http.MethodPost, "/api/models/admin/mark/branch/gone", map[string]any{"startingPoint": "main"}, nil)
	h.Commit(h.Admin, hub.Model, "admin/mark", "gone", map[string]string{"lost.txt": "lost"})
	h.JSON(h.Admin, http.MethodDelete, "/api/models/admin/mark/branch/gone", nil, nil)
	r, err := h.App.Repo(b.Context(), "admin/mark")
	if err != nil {
		b.Fatal(err)
	}
	g := gitstore.New(h.App.DB(), h.App.Blobs(), gitstore.Options{})
	for b.Loop() {
		c, err := g.Unreachable(b.Context(), r.RowID, time.Now())
		if err != nil || c.Objects == 0 {
			b.Fatal(c, err)
		}
	}
}
