package xetstore_test

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
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
		b, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil || !bytes.Equal(b, x.Body[10:]) {
			t.Errorf("read: %v", err)
		}
		for _, c := range [][2]int64{{0, n + 1}, {n, 1}, {-1, 1}, {1, -1}, {1 << 62, 1 << 62}} {
			if _, err := e.OpenXorb(ctx, x.Hash, c[0], c[1]); !errs.Is(err, errs.RangeUnsatisfiable) {
				t.Errorf("%v: %v", c, err)
			}
		}
	})
}
