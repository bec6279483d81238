package xetstore_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func TestRanges(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := append(Mixed(2, 9<<20), bytes.Repeat([]byte{7}, 1<<20)...)
		put(t, e, alice, (&Client{MaxRaw: 2500 << 10}).Pack(t, data))
		f, _, _ := e.FindFile(ctx, "secret", shaOf(data))
		size := f.Size
		rng := rand.New(rand.NewPCG(1, 2))
		for range 150 {
			off := rng.Int64N(size + 1)
			n := rng.Int64N(size - off + 1)
			if rng.IntN(2) == 0 {
				n = min(n, 1+rng.Int64N(200_000))
			}
			if !bytes.Equal(read(t, e, f, off, n), data[off:off+n]) {
				t.Fatalf("range %d+%d differs", off, n)
			}
		}
		for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, size + 1}, {size, 1}, {size + 1, 0}} {
			if err := e.WriteTo(ctx, io.Discard, f, r[0], r[1]); !errs.Is(err, errs.RangeUnsatisfiable) {
				t.Errorf("range %v: %v", r, err)
			}
		}
	})
}

// A chunk may take up twice the room that its bytes do, whoever would store it so. It is read however many read.
func TestLongChunks(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Random(34, 4*52_426)
		u := stretched(t, data, 52_426)
		put(t, e, alice, u)
		f, _, err := e.FindFile(ctx, "secret", shaOf(data))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		defer wg.Wait()
		for range 10 { // more than may read in large blocks
			r, w := io.Pipe()
			wg.Go(func() { _ = w.CloseWithError(e.WriteTo(ctx, w, f, 0, f.Size)) })
			if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
		}
		if !bytes.Equal(read(t, e, f, 0, f.Size), data) || !bytes.Equal(read(t, e, f, 60_000, 1000), data[60_000:61_000]) {
			t.Error("the file came back different")
		}
		r, err := e.OpenXorb(ctx, u.Xorbs[0].Hash, 0, int64(len(u.Xorbs[0].Body)))
		var b bytes.Buffer
		if err == nil {
			err = r.Copy(ctx, &b)
		}
		if err != nil || !bytes.Equal(b.Bytes(), u.Xorbs[0].Body) {
			t.Errorf("stored: %v", err)
		}
	})
}

// stretched packs a file in chunks of n bytes whose LZ4 frames have a block for each byte.
func stretched(t testing.TB, data []byte, n int) *Upload {
	var body bytes.Buffer
	var leaves []xet.Leaf
	var hashes []xet.Hash
	for chunk := range slices.Chunk(data, n) {
		frame := []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82}
		for _, c := range chunk {
			frame = append(frame, 1, 0, 0, 0x80, c)
		}
		frame = append(frame, 0, 0, 0, 0)
		p, raw := len(frame), len(chunk)
		body.Write([]byte{0, byte(p), byte(p >> 8), byte(p >> 16), byte(xet.SchemeLZ4), byte(raw), byte(raw >> 8), byte(raw >> 16)})
		body.Write(frame)
		h := xet.ChunkHash(chunk)
		leaves, hashes = append(leaves, xet.Leaf{Hash: h, Size: uint64(raw)}), append(hashes, h)
	}
	x := Xorb{Hash: xet.XorbHash(leaves), Body: body.Bytes()}
	sum := [32]byte(shaOf(data))
	f := xet.File{Hash: xet.FileHash(leaves), SHA256: &sum, Verification: []xet.Hash{xet.RangeHash(hashes)},
		Segments: []xet.Segment{{Xorb: x.Hash, UnpackedBytes: uint32(len(data)), End: uint32(len(leaves))}}}
	return &Upload{Xorbs: []Xorb{x}, Shard: xet.Shard{Files: []xet.File{f}}}
}

// Damage on the disk ends the stream before a wrong byte is written.
func TestCorruption(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(16, 2<<20)
		u := (&Client{}).Pack(t, data)
		put(t, e, alice, u)
		key := "xorbs/" + u.Xorbs[0].Hash.String()[:2] + "/" + u.Xorbs[0].Hash.String()[2:4] + "/" + u.Xorbs[0].Hash.String()
		r, err := e.Blobs.Open(ctx, key, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			t.Fatal(err)
		}
		f, _, _ := e.FindFile(ctx, "secret", shaOf(data))
		check := func(e *Env, what string) {
			t.Helper()
			var b bytes.Buffer
			err := e.WriteTo(ctx, &b, f, 0, f.Size)
			if !errors.Is(err, xet.ErrCorrupt) || !errs.Is(err, errs.Damaged) {
				t.Errorf("%s: %v", what, err)
			}
			if !bytes.HasPrefix(data, b.Bytes()) {
				t.Errorf("%s: wrong bytes were written", what)
			}
		}
		rng := rand.New(rand.NewPCG(3, 4))
		body := len(u.Xorbs[0].Body)
		for range 25 {
			spoiled := slices.Clone(whole)
			at := rng.IntN(body)
			spoiled[at] ^= 1 << rng.IntN(8)
			store(t, e, key, spoiled)
			var b bytes.Buffer
			err := e.WriteTo(ctx, &b, f, 0, f.Size)
			if !errors.Is(err, xet.ErrCorrupt) || !bytes.HasPrefix(data, b.Bytes()) {
				t.Fatalf("byte %d: wrong bytes were written (%v)", at, err)
			}
		}
		store(t, e, key, whole[:body/2])
		check(e, "cut")
		check(New(t, e.DB, e.Blobs), "cut, no cache")
		spoiled := slices.Clone(whole)
		spoiled[len(spoiled)-100] ^= 1
		store(t, e, key, spoiled)
		check(New(t, e.DB, e.Blobs), "index")
		if err := e.Blobs.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
		check(e, "gone")
		putXorbs(t, e, alice, u) // an upload repairs it
		if !bytes.Equal(read(t, e, f, 0, f.Size), data) {
			t.Error("not repaired")
		}
	})
}

func store(t testing.TB, e *Env, key string, b []byte) {
	t.Helper()
	_ = e.Blobs.Delete(ctx, key)
	up, err := e.Blobs.Create(ctx)
	if err == nil {
		defer up.Abort()
		if _, err = up.Write(b); err == nil {
			err = up.Commit(ctx, key)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
