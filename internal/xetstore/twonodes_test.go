package xetstore_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// TestTwoNodesStoreOneXorb (F6) has two nodes store the same chunks at once, compressed differently, in a store that drops
// conditions: whichever body stays, both nodes read the file. A read that met the change may fail, and reads nothing wrong.
func TestTwoNodesStoreOneXorb(t *testing.T) {
	o := blobtest.S3(t)
	p := blobtest.NewProxy(t, o.Endpoint)
	o.Endpoint = p.URL
	d := dbtest.New(t, db.Postgres)
	nodes := []*Env{New(t, d, blobtest.Cached(t, o, 50_000_000)), New(t, d, blobtest.Cached(t, o, 50_000_000))}
	seeded(t, nodes[0])
	p.Set(blobtest.Faults{Lose: true, Latency: 5 * time.Millisecond})
	for round := range 6 {
		data := Mixed(uint64(40+round), 900_000)
		u := (&Client{}).Pack(t, data)
		hash := u.Xorbs[0].Hash
		bodies := [][]byte{u.Xorbs[0].Body, recompress(t, u.Xorbs[0].Body, hash)}
		var wg sync.WaitGroup
		for i, e := range nodes {
			wg.Go(func() {
				if _, err := e.PutXorb(ctx, alice, hash, bytes.NewReader(bodies[i])); err != nil {
					t.Error(err)
				}
				err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil)
				if errs.Is(err, errs.Unavailable) { // as it says, and as clients do
					err = e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, e := range nodes {
			f, found, err := e.FindFile(ctx, "secret", shaOf(data))
			if err != nil || !found {
				t.Fatal("a file that was acknowledged is not there", err)
			}
			var first bytes.Buffer
			if err := e.WriteTo(ctx, &first, f, 0, f.Size); err != nil {
				if !errs.Is(err, errs.Unavailable) {
					t.Errorf("node %d met the change: %v", i, err)
				}
				if !bytes.HasPrefix(data, first.Bytes()) {
					t.Error("wrong bytes")
				}
			}
			if !bytes.Equal(read(t, e, f, 0, f.Size), data) {
				t.Error("wrong bytes")
			}
			if e.Damaged(t, hash) {
				t.Error("the xorb is called damaged")
			}
		}
	}
}
