package xetstore_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub/program"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// Many uploads at once take little more memory than few.
func TestUploadMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("uploads 1 GB")
	}
	e := sqliteFS(t)
	seeded(t, e)
	u := (&Client{MaxRaw: 16 << 20}).Pack(t, Random(30, 256<<20))
	stop := watchHeap()
	var wg sync.WaitGroup
	for i := range 64 {
		x := u.Xorbs[i%len(u.Xorbs)]
		sc := alice
		sc.UserID = []string{"a", "b", "c", "d"}[i/16] // to each of them it is new
		wg.Go(func() {
			if _, err := e.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	grown := stop()
	program.Cost(t)
	t.Logf("%d MiB of heap", grown>>20)
	if grown > 112<<20 { // 72 MiB are the blob store's blocks, which all uploads of the process share
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
