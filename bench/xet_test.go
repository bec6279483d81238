package bench

import (
	"bytes"
	"context"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/xetstore"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

const uploaded = 512 << 20

// BenchmarkXetUpload sends a file as clients do: its xorbs in order, each once it is cut and hashed, four at once, then the
// shard that says what its SHA-256 is. shard-share is the part of the time that passes after the last xorb has come, cpu-s/GiB
// the processor time of it all, the client's part of which is about 0.9.
func BenchmarkXetUpload(b *testing.B) {
	ctx := context.Background()
	e := xetstoretest.New(b, dbtest.New(b, db.SQLite), blobtest.FS(b))
	e.Repo(b, "repo", "alice", "private")
	sc := xetstore.Scope{UserID: "alice", RepoID: "repo", Owners: []string{"alice"}}
	var xorbs, shard span
	b.SetBytes(uploaded)
	for seed := uint64(1); b.Loop(); seed++ {
		b.StopTimer()
		data := xetstoretest.Random(seed, uploaded)
		u := (&xetstoretest.Client{}).Pack(b, data)
		b.StartTimer()
		xorbs.add(measure(func() {
			var g errgroup.Group
			g.SetLimit(4)
			for i, x := range u.Xorbs {
				hashChunks(b, data[i*len(data)/len(u.Xorbs):(i+1)*len(data)/len(u.Xorbs)])
				g.Go(func() error {
					_, err := e.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body))
					return err
				})
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
		}))
		shard.add(measure(func() {
			if err := e.PutShard(ctx, sc, bytes.NewReader(u.Bytes()), nil); err != nil {
				b.Fatal(err)
			}
		}))
	}
	b.ReportMetric(shard.wall.Seconds()/(xorbs.wall+shard.wall).Seconds(), "shard-share")
	b.ReportMetric((xorbs.cpu+shard.cpu).Seconds()/float64(b.N)/(float64(uploaded)/(1<<30)), "cpu-s/GiB")
}
