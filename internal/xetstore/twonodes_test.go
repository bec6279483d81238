package xetstore_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
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
		data := lines(uint64(40+round), 900_000)
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

// TestPlansFollowWhatOtherNodesStore: a node that knows a xorb's index must not send clients to places in the body that
// another node has since replaced by one that is compressed otherwise. Nobody would tell them, however often they ask.
func TestPlansFollowWhatOtherNodesStore(t *testing.T) {
	o, d := blobtest.S3(t), dbtest.New(t, db.SQLite)
	a, b := New(t, d, blobtest.Cached(t, o, 50_000_000)), New(t, d, blobtest.Cached(t, o, 50_000_000))
	seeded(t, a)
	data := lines(77, 900_000)
	u := (&Client{}).Pack(t, data)
	put(t, a, alice, u)
	f, _, err := a.FindFile(ctx, "secret", shaOf(data))
	if err != nil {
		t.Fatal(err)
	}
	plan := func(e *Env) *xet.Reconstruction {
		t.Helper()
		plan, err := e.Reconstruct(ctx, f, 0, uint64(f.Size))
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	before := plan(b)
	read(t, b, f, 0, f.Size) // into the copy on its disk
	hash := u.Xorbs[0].Hash
	body := recompress(t, u.Xorbs[0].Body, hash)
	if err := a.MarkDamaged(ctx, hash); err != nil {
		t.Fatal(err)
	}
	if _, err := a.PutXorb(ctx, alice, hash, bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	now := plan(b)
	if reflect.DeepEqual(now, before) || !reflect.DeepEqual(now, plan(a)) {
		t.Error("the plan is that of the body before")
	}
	direct, err := b.Direct(ctx, now, time.Now(), time.Minute)
	if err != nil || direct == nil {
		t.Fatal("no addresses of the store", err)
	}
	for _, x := range now.Xorbs {
		for _, g := range x.Ranges {
			url, err := direct.URL(ctx, x.Xorb, int64(g.ByteStart), int64(g.ByteEndInclusive-g.ByteStart)+1)
			if err != nil {
				t.Fatal(err)
			}
			if got := fetch(t, url, g); x.Xorb == hash && !bytes.Equal(got, body[g.ByteStart:g.ByteEndInclusive+1]) {
				t.Error("the address leads to other bytes")
			}
		}
	}
}

func fetch(t *testing.T, url string, g xet.FetchRange) []byte {
	t.Helper()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", g.ByteStart, g.ByteEndInclusive))
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil || rs.StatusCode != http.StatusPartialContent {
		t.Fatal(rs.Status, err)
	}
	return b
}
