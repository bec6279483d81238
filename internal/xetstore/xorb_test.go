package xetstore_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func TestXorbRefusals(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		x := (&Client{}).Pack(t, Mixed(3, 400_000)).Xorbs[0]
		flipped := slices.Clone(x.Body)
		flipped[len(flipped)/2] ^= 1
		for name, body := range map[string][]byte{
			"empty": {}, "truncated": x.Body[:len(x.Body)-1], "trailing": append(slices.Clone(x.Body), 1),
			"flipped": flipped, "garbage": Random(1, 1000), "another": (&Client{}).Pack(t, []byte("other")).Xorbs[0].Body,
		} {
			if _, err := e.PutXorb(ctx, alice, x.Hash, bytes.NewReader(body)); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if e.Count(t, "xet_xorb") != 0 {
			t.Error("a refused xorb left a row")
		}
		if list, _ := e.Blobs.List(ctx, "", "", 10); len(list) != 0 {
			t.Errorf("a refused xorb left a blob: %v", list)
		}
	})
}

func TestConcurrentSame(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(11, 3<<20)
		u := (&Client{MaxRaw: 1 << 20}).Pack(t, data)
		var wg sync.WaitGroup
		failed := make(chan error, 200)
		for range 12 {
			wg.Go(func() {
				for _, x := range u.Xorbs {
					if _, err := e.PutXorb(ctx, alice, x.Hash, bytes.NewReader(x.Body)); err != nil {
						failed <- err
					}
				}
				if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); err != nil {
					failed <- err
				}
			})
		}
		wg.Wait()
		close(failed)
		for err := range failed {
			t.Error(err)
		}
		f, ok, _ := e.FindFile(ctx, "secret", shaOf(data))
		if !ok || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
			t.Error("the file is not whole")
		}
	})
}

// Stored bytes leave as they were stored, whatever range is asked for, and not at all from a damaged chunk.
func TestStoredRanges(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		x := (&Client{}).Pack(t, Mixed(33, 6<<20)).Xorbs[0]
		if _, err := e.PutXorb(ctx, alice, x.Hash, bytes.NewReader(x.Body)); err != nil {
			t.Fatal(err)
		}
		size := int64(len(x.Body))
		get := func(off, n int64) ([]byte, error) {
			r, err := e.OpenXorb(ctx, x.Hash, off, n)
			var b bytes.Buffer
			if err == nil {
				err = r.Copy(ctx, &b)
			}
			return b.Bytes(), err
		}
		rng := rand.New(rand.NewPCG(7, 8))
		for i := range 100 {
			off := rng.Int64N(size + 1)
			n := rng.Int64N(size - off + 1)
			if i%2 == 0 {
				n = min(n, rng.Int64N(300_000))
			}
			if b, err := get(off, n); err != nil || !bytes.Equal(b, x.Body[off:off+n]) {
				t.Fatalf("range %d+%d: %v", off, n, err)
			}
		}
		key := "xorbs/" + x.Hash.String()[:2] + "/" + x.Hash.String()[2:4] + "/" + x.Hash.String()
		whole, err := blob.GetBytes(ctx, e.Blobs, key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for range 25 {
			spoiled := slices.Clone(whole)
			at := rng.Int64N(size)
			spoiled[at] ^= 1 << rng.IntN(8)
			store(t, e, key, spoiled)
			off := at - min(at, rng.Int64N(1_000_000))
			b, err := get(off, min(size-off, at-off+1+rng.Int64N(1_000_000)))
			if !errors.Is(err, xet.ErrCorrupt) || !bytes.HasPrefix(x.Body[off:], b) || off+int64(len(b)) > at {
				t.Fatalf("byte %d spoiled: got %d bytes from %d, %v", at, len(b), off, err)
			}
		}
		store(t, e, key, whole[:size/2])
		if b, err := get(0, size); !errors.Is(err, xet.ErrCorrupt) || !bytes.HasPrefix(x.Body, b) {
			t.Errorf("cut: %v", err)
		}
	})
}

func TestOpenXorbStaysInside(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		x := (&Client{}).Pack(t, Mixed(17, 300_000)).Xorbs[0]
		if _, err := e.PutXorb(ctx, alice, x.Hash, bytes.NewReader(x.Body)); err != nil {
			t.Fatal(err)
		}
		n := int64(len(x.Body))
		r, err := e.OpenXorb(ctx, x.Hash, 10, n-10)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.Copy(ctx, &b); err != nil || !bytes.Equal(b.Bytes(), x.Body[10:]) {
			t.Errorf("read: %v", err)
		}
		for _, c := range [][2]int64{{0, n + 1}, {n, 1}, {-1, 1}, {1, -1}, {1 << 62, 1 << 62}} {
			if _, err := e.OpenXorb(ctx, x.Hash, c[0], c[1]); !errs.Is(err, errs.RangeUnsatisfiable) {
				t.Errorf("%v: %v", c, err)
			}
		}
	})
}
