package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/errs"
)

// broken opens a store behind a proxy that breaks things.
func broken(t *testing.T) (*s3.Store, *blobtest.Proxy) {
	t.Helper()
	o := blobtest.S3(t)
	p := blobtest.NewProxy(t, o.Endpoint)
	o.Endpoint = p.URL
	s, err := s3.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// TestFaults (F5, F6) has a store that fails in various ways. What it answers is right or an error, and there are few of
// those.
func TestFaults(t *testing.T) {
	for name, f := range map[string]blobtest.Faults{
		"errors":           {Refuse: 0.3},
		"resets":           {Reset: 0.3},
		"short answers":    {Short: 0.3},
		"all of them":      {Refuse: 0.1, Reset: 0.1, Short: 0.1},
		"wrong ETags":      {WrongETag: 0.3},
		"slow":             {Latency: 50 * time.Millisecond, Rate: 2 << 20},
		"stale reads":      {Stale: 300 * time.Millisecond},
		"conditions lost":  {Lose: true, Refuse: 0.1},
		"late and refused": {Latency: 50 * time.Millisecond, Refuse: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := broken(t)
			p.Set(f)
			var operations, failed atomic.Int64
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					for j := range 4 {
						n, bad := work(t, s, fmt.Sprintf("x/%d-%d", i, j), 150_000+1000*i+j)
						operations.Add(n)
						failed.Add(bad)
					}
				})
			}
			wg.Wait()
			t.Logf("%d of %d operations failed, in %d requests", failed.Load(), operations.Load(), p.Requests())
			if failed.Load()*200 > operations.Load()+200 { // one may fail however few there are
				t.Errorf("%d of %d operations failed", failed.Load(), operations.Load())
			}
		})
	}
}

// work puts, reads and deletes an object, and counts what failed. Wrong answers are no failures but errors of the test.
func work(t *testing.T, s *s3.Store, key string, size int) (operations, failed int64) {
	t.Helper()
	body := blobtest.Bytes(size)
	count := func(err error) bool {
		operations++
		if err != nil {
			failed++
			if !errs.Is(err, errs.Unavailable) {
				t.Errorf("%s: not a failure of the store, as callers see it: %v", key, err)
			}
		}
		return err == nil
	}
	if !count(blob.PutBytes(t.Context(), s, key, body)) {
		return operations, failed
	}
	info, err := s.Stat(t.Context(), key)
	if count(err) && info.Size != int64(size) {
		t.Errorf("%s has %d bytes", key, info.Size)
	}
	got, err := blob.GetBytes(t.Context(), s, key, 1<<30)
	if count(err) && !bytes.Equal(got, body) {
		t.Errorf("%s: wrong bytes", key)
	}
	part, err := s.OpenPart(t.Context(), key, 100_000, 1<<20)
	if err == nil {
		got, err = io.ReadAll(part)
		_ = part.Close()
	}
	if count(err) && !bytes.Equal(got, body[100_000:]) {
		t.Errorf("%s: wrong bytes in a part", key)
	}
	count(s.Delete(t.Context(), key))
	return operations, failed
}

// TestPartsAreSentAgain uploads in parts while three requests in ten fail.
func TestPartsAreSentAgain(t *testing.T) {
	s, p := broken(t)
	body := blobtest.Bytes(65 << 20)
	for name, f := range map[string]blobtest.Faults{"refused": {Refuse: 0.3}, "reset": {Reset: 0.3}, "etag": {WrongETag: 0.05}} {
		p.Set(f)
		if err := blob.PutBytes(t.Context(), s, name, body); err != nil {
			t.Fatal(name, err)
		}
		p.Set(blobtest.Faults{})
		if got, err := blob.GetBytes(t.Context(), s, name, 1<<30); err != nil || !bytes.Equal(got, body) {
			t.Fatal(name, len(got), err)
		}
	}
}

// TestBodiesAreChecked has bytes of an upload change on the way: the service refuses them by their checksum, and they are
// sent again.
func TestBodiesAreChecked(t *testing.T) {
	s, p := broken(t)
	body := blobtest.Bytes(300_000)
	p.Set(blobtest.Faults{SpoilPuts: 1})
	if err := blob.PutBytes(t.Context(), s, "x", body); err != nil {
		t.Fatal(err)
	}
	if got, err := blob.GetBytes(t.Context(), s, "x", 1<<20); err != nil || !bytes.Equal(got, body) {
		t.Fatal(len(got), err)
	}
}

// TestShortObjects has the service keep less than it was sent, and say that all is well.
func TestShortObjects(t *testing.T) {
	s, p := broken(t)
	p.Set(blobtest.Faults{Truncate: true})
	if err := blob.PutBytes(t.Context(), s, "x", blobtest.Bytes(300_000)); !errs.Is(err, errs.Unavailable) {
		t.Fatal(err)
	}
}

func TestStoreThatIsGone(t *testing.T) {
	s, p := broken(t)
	p.Set(blobtest.Faults{Down: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Reach(ctx); err == nil {
		t.Error("it is reached")
	}
	p.Set(blobtest.Faults{})
	if err := s.Reach(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLeftovers ends uploads in parts that were never completed, of the store's own prefix alone.
func TestLeftovers(t *testing.T) {
	s, p := broken(t)
	up, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if _, err := up.Write(blobtest.Bytes(65 << 20)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.Set(blobtest.Faults{AfterRequests: 2, Then: cancel, Down: true}) // the process dies, as it were: nothing is aborted
	if err := up.Commit(ctx, "git/x"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p.Set(blobtest.Faults{})
	for _, c := range []struct {
		prefix string
		before time.Time
		want   int
	}{
		{"xorbs/", time.Now().Add(time.Hour), 0}, {"git/", time.Now().Add(-time.Hour), 0}, {"git/", time.Now().Add(time.Hour), 1}, {"git/", time.Now().Add(time.Hour), 0},
	} {
		if n, err := s.AbortLeftovers(t.Context(), c.before, c.prefix); err != nil || n != c.want {
			t.Errorf("%+v: %d, %v", c, n, err)
		}
	}
}

// TestFolderComesAndGoes has objects of one folder put and deleted at once: a service on a file system removes the folder
// with its last object, while another upload enters it.
func TestFolderComesAndGoes(t *testing.T) {
	s := blobtest.NewS3(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				key := fmt.Sprintf("one/folder/%d-%d", i, j)
				if err := blob.PutBytes(t.Context(), s, key, blobtest.Bytes(100)); err != nil {
					t.Error(err)
					return
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
