package xetstore_test

import (
	"bytes"
	"testing"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// TestWrongCopiesAreReadAgain has bytes arrive wrong from the store, so that a wrong copy is in the node's cache: the read
// that finds out goes to the store once more, and nothing is called damaged.
func TestWrongCopiesAreReadAgain(t *testing.T) {
	o := blobtest.S3(t)
	p := blobtest.NewProxy(t, o.Endpoint)
	o.Endpoint = p.URL
	e := New(t, dbtest.New(t, db.SQLite), blobtest.Cached(t, o, 50_000_000))
	seeded(t, e)
	data := Random(5, 3<<20)
	u := (&Client{}).Pack(t, data)
	put(t, e, alice, u)
	f, _, err := e.FindFile(ctx, "secret", shaOf(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{f.Size, 100_000} {
		for _, x := range u.Xorbs {
			e.Blobs.(interface{ Forget(string) }).Forget(XorbKey(x.Hash))
		}
		p.Set(blobtest.Faults{Wrong: 1})
		if !bytes.Equal(read(t, e, f, 0, n), data[:n]) {
			t.Error("wrong bytes")
		}
	}
	for _, x := range u.Xorbs {
		if e.Damaged(t, x.Hash) {
			t.Error("a xorb that is well is marked as damaged")
		}
	}
}
