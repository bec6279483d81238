package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

var ctx = context.Background()

// Run holds a store to the contract of blob.Store. open returns an empty store each time.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s blob.Store)
	}{
		{"RoundTrip", roundTrip},
		{"Ranges", ranges},
		{"Uncached", uncached},
		{"ReadBack", readBack},
		{"Overwrite", overwrite},
		{"Abort", abort},
		{"List", list},
		{"Missing", missing},
		{"BadKeys", badKeys},
		{"ConcurrentCommits", concurrentCommits},
		{"Large", large},
		{"Cancelled", cancelled},
		{"Check", check},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Bytes returns n bytes that look random and are the same each time.
func Bytes(n int) []byte {
	b := make([]byte, n)
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

func put(t *testing.T, s blob.Store, key string, body []byte) {
	t.Helper()
	if err := blob.PutBytes(ctx, s, key, body); err != nil {
		t.Fatal(err)
	}
}

func read(s blob.Store, key string, off, n int64) ([]byte, error) {
	r, err := s.Open(ctx, key, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, r)
	return b.Bytes(), err
}

// expect compares without printing megabytes.
func expect(t *testing.T, got []byte, err error, want []byte) {
	t.Helper()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, error %v; want %d bytes, or they differ", len(got), err, len(want))
	}
}

func roundTrip(t *testing.T, s blob.Store) {
	start := time.Now()
	for _, size := range []int{0, 1, 1000, 256 << 10, 256<<10 + 1, 5<<20 + 3} {
		key, body := fmt.Sprintf("pack/ab/%d.pack", size), Bytes(size)
		put(t, s, key, body)
		got, err := read(s, key, 0, -1)
		expect(t, got, err, body)
		info, err := s.Stat(ctx, key)
		if err != nil || info.Size != int64(size) || info.Key != key {
			t.Fatal(info, err)
		}
		if info.ModTime.Before(start.Add(-time.Minute)) || info.ModTime.After(time.Now().Add(time.Minute)) {
			t.Fatal("age", info.ModTime)
		}
	}
	if _, err := blob.GetBytes(ctx, s, "pack/ab/1000.pack", 999); !errs.Is(err, errs.TooLarge) {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "pack/ab/1000.pack"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(ctx, "pack/ab/1000.pack"); !errs.Is(err, errs.NotFound) {
		t.Fatal(err)
	}
}

func ranges(t *testing.T, s blob.Store) {
	body := Bytes(3<<20 + 7)
	size := int64(len(body))
	put(t, s, "x", body)
	put(t, s, "empty", nil)
	for _, r := range [][2]int64{{0, 1}, {0, size}, {1, 2}, {size - 1, 1}, {size - 1, -1}, {1000, -1}, {1 << 20, 1<<20 + 5}, {size, -1}, {size, 0}, {5, 0}} {
		got, err := read(s, "x", r[0], r[1])
		end := r[0] + r[1]
		if r[1] < 0 {
			end = size
		}
		expect(t, got, err, body[r[0]:end])
	}
	got, err := read(s, "empty", 0, 0)
	expect(t, got, err, nil)
	for _, r := range [][2]int64{{0, size + 1}, {size - 1, 2}, {size, 1}, {size + 1, -1}, {size + 1, 0}, {1 << 40, 1}} {
		if _, err := read(s, "x", r[0], r[1]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("range %v of %d bytes: %v", r, size, err)
		}
	}
	if _, err := read(s, "empty", 0, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := s.Open(ctx, "x", -1, 1); err == nil {
		t.Error("negative offset accepted")
	}
}

// uncached reads ranges past all caches: short ones, some within a block of direct I/O, some across several.
func uncached(t *testing.T, s blob.Store) {
	body := Bytes(13<<20 + 7)
	size := int64(len(body))
	put(t, s, "x", body)
	put(t, s, "empty", nil)
	open := func(key string, off, n int64, whole bool) ([]byte, error) {
		r, err := blob.OpenUncached(ctx, s, key, off, n)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if whole {
			return io.ReadAll(r)
		}
		var b bytes.Buffer
		_, err = io.Copy(&b, r)
		return b.Bytes(), err
	}
	for _, r := range [][2]int64{{0, 1}, {0, size}, {0, -1}, {1, 2}, {4095, 2}, {4096, 4096}, {size - 1, 1}, {4<<20 - 1, 2}, {5<<20 + 3, -1}, {1000, 9 << 20}, {size, -1}, {5, 0}} {
		end := r[0] + r[1]
		if r[1] < 0 {
			end = size
		}
		for _, whole := range []bool{false, true} {
			got, err := open("x", r[0], r[1], whole)
			expect(t, got, err, body[r[0]:end])
		}
	}
	got, err := open("empty", 0, -1, false)
	expect(t, got, err, nil)
	if _, err := open("x", size-1, 2, false); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("past the end: %v", err)
	}
	if _, err := open("absent", 0, -1, false); !errs.Is(err, errs.NotFound) {
		t.Errorf("absent: %v", err)
	}
}

// readBack reads from an upload at its various stages: in memory, in the file, within the blocks of direct I/O.
func readBack(t *testing.T, s blob.Store) {
	body := Bytes(22<<20 + 11)
	up, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	for _, n := range []int{0, 10, 300 << 10, 9 << 20, 17 << 20, len(body)} {
		if _, err := up.Write(body[up.Size():n]); err != nil || up.Size() != int64(n) {
			t.Fatal(err, up.Size())
		}
		got, err := io.ReadAll(io.NewSectionReader(up, 0, up.Size()))
		expect(t, got, err, body[:n])
		if n > 5 {
			if _, err := up.ReadAt(make([]byte, 10), int64(n-5)); err != io.EOF {
				t.Fatal("read past the end:", err)
			}
		}
	}
	if err := up.Commit(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	got, err := read(s, "x", 0, -1)
	expect(t, got, err, body)
}

func overwrite(t *testing.T, s blob.Store) {
	for range 3 {
		put(t, s, "a/b", []byte("same"))
	}
	got, err := read(s, "a/b", 0, -1)
	expect(t, got, err, []byte("same"))
}

func abort(t *testing.T, s blob.Store) {
	for _, size := range []int{0, 10, 1 << 20, 20 << 20} {
		up, err := s.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := up.Write(Bytes(size)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(up.Abort(), up.Abort()); err != nil {
			t.Fatal(err)
		}
		if _, err := up.Write([]byte("x")); err == nil {
			t.Error("write after abort")
		}
		if err := up.Commit(ctx, "gone"); err == nil {
			t.Error("commit after abort")
		}
	}
	up, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(up.Commit(ctx, "kept"), up.Abort()); err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(ctx, "again"); err == nil {
		t.Error("second commit")
	}
	if all, err := s.List(ctx, "", "", 0); err != nil || len(all) != 1 || all[0].Key != "kept" {
		t.Fatal(all, err)
	}
}

func list(t *testing.T, s blob.Store) {
	keys := []string{"a-b", "a.b", "a/b", "a/b.idx", "a/c/d", "a0", "b/0", "b/00", "b/1", "c"} // by bytes
	for i := range keys {
		put(t, s, keys[(i*7)%len(keys)], []byte("x"))
	}
	for limit := 1; limit <= len(keys)+1; limit++ {
		var got []string
		for after := ""; ; {
			page, err := s.List(ctx, "", after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page {
				got = append(got, o.Key)
				if o.Size != 1 || o.ModTime.IsZero() {
					t.Fatal(o)
				}
			}
			if len(page) < limit {
				break
			}
			after = got[len(got)-1]
		}
		if strings.Join(got, " ") != strings.Join(keys, " ") {
			t.Fatalf("limit %d: %q", limit, got)
		}
	}
	for _, c := range []struct{ prefix, after, want string }{
		{"a/", "", "a/b a/b.idx a/c/d"}, {"a", "a.b", "a/b a/b.idx a/c/d a0"}, {"b/0", "", "b/0 b/00"},
		{"a/b", "a/b", "a/b.idx"}, {"zz/", "", ""}, {"a/c/", "", "a/c/d"}, {"", "a/b.zzz", "a/c/d a0 b/0 b/00 b/1 c"},
	} {
		page, err := s.List(ctx, c.prefix, c.after, 0)
		var got []string
		for _, o := range page {
			got = append(got, o.Key)
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("List(%q, %q) = %q, %v; want %q", c.prefix, c.after, got, err, c.want)
		}
	}
}

func missing(t *testing.T, s blob.Store) {
	put(t, s, "a/b", []byte("x"))
	for _, key := range []string{"none", "a/none", "none/at/all"} {
		if _, err := s.Open(ctx, key, 0, -1); !errs.Is(err, errs.NotFound) {
			t.Errorf("open %s: %v", key, err)
		}
		if _, err := s.Open(ctx, key, 3, 0); !errs.Is(err, errs.NotFound) {
			t.Errorf("open %s: %v", key, err)
		}
		if _, err := s.Stat(ctx, key); !errs.Is(err, errs.NotFound) {
			t.Errorf("stat %s: %v", key, err)
		}
		if err := s.Delete(ctx, key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
}

func badKeys(t *testing.T, s blob.Store) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "A", "a b", "a\\b", "a\x00",
		"é", "a?b", "a%2e", strings.Repeat("a", 201), strings.Repeat("a/", 300) + "a"} {
		_, statErr := s.Stat(ctx, key)
		_, openErr := s.Open(ctx, key, 0, -1)
		for _, err := range []error{statErr, openErr, s.Delete(ctx, key), blob.PutBytes(ctx, s, key, nil)} {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("key %q: %v", key, err)
			}
		}
	}
}

func concurrentCommits(t *testing.T, s blob.Store) {
	body := Bytes(300 << 10)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := blob.PutBytes(ctx, s, "new/folder/same", body); err != nil {
				t.Error(err)
			}
			if err := blob.PutBytes(ctx, s, fmt.Sprintf("new/folder/%d", i%4), body); err != nil {
				t.Error(err)
			}
			if got, err := read(s, "new/folder/same", 0, -1); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if all, err := s.List(ctx, "", "", 0); err != nil || len(all) != 5 {
		t.Fatal(all, err)
	}
}

func large(t *testing.T, s blob.Store) {
	body := Bytes(100<<20 + 12345)
	up, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if _, err := io.CopyBuffer(struct{ io.Writer }{up}, struct{ io.Reader }{bytes.NewReader(body)}, make([]byte, 100_001)); err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(ctx, "large"); err != nil {
		t.Fatal(err)
	}
	got, err := read(s, "large", 0, -1)
	expect(t, got, err, body)
	got, err = read(s, "large", 64<<20-1, 20<<20)
	expect(t, got, err, body[64<<20-1:84<<20-1])
}

func cancelled(t *testing.T, s blob.Store) {
	put(t, s, "x", []byte("x"))
	up, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	c, cancel := context.WithCancel(ctx)
	cancel()
	_, createErr := s.Create(c)
	_, openErr := s.Open(c, "x", 0, -1)
	_, statErr := s.Stat(c, "x")
	_, listErr := s.List(c, "", "", 0)
	for i, err := range []error{createErr, openErr, statErr, listErr, up.Commit(c, "y"), s.Delete(c, "x")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if all, err := s.List(ctx, "", "", 0); err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
}

func check(t *testing.T, s blob.Store) {
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(ctx, "", "", 0); err != nil || len(all) != 0 {
		t.Fatal("the probe stayed:", all, err)
	}
}
