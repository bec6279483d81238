package xetstore_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// One percent of the bytes of a second version differ: it costs little more than those, even for a client that remembers
// nothing, and through either door.
func TestSecondVersion(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		const size = 40 << 20
		v1 := Random(12, size)
		v2 := slices.Clone(v1)
		changed := size / 100
		copy(v2[size/2:], Random(13, changed))
		put(t, e, alice, (&Client{MaxRaw: 8 << 20}).Pack(t, v1))
		ask := func(h xet.Hash) []byte {
			b, _, err := e.Dedup(ctx, alice, h)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		second := (&Client{Ask: ask}).Pack(t, v2)
		if n := second.Stored(); float64(n) > 1.3*float64(changed) {
			t.Errorf("by Xet: %d bytes for %d changed", n, changed)
		}
		again := (&Client{Ask: ask}).Pack(t, v1)
		if n := again.Stored(); n != 0 {
			t.Errorf("the same file again: %d bytes", n)
		}
		before := stored(t, e)
		sc := alice
		sc.RepoID = "second"
		sum := shaOf(v2)
		f, err := e.Ingest(ctx, sc, bytes.NewReader(v2), xetstore.Expect{SHA256: &sum, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		if n := stored(t, e) - before; float64(n) > 1.3*float64(changed) {
			t.Errorf("by ingest: %d bytes for %d changed", n, changed)
		}
		if !bytes.Equal(read(t, e, f, 0, f.Size), v2) {
			t.Error("the second version came back different")
		}
	})
}

func stored(t testing.TB, e *Env) (n int64) {
	t.Helper()
	if err := e.DB.Get(ctx, &n, "SELECT CAST(COALESCE(SUM(stored_size), 0) AS BIGINT) FROM xet_xorb"); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIngest(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		for _, data := range [][]byte{{}, []byte("x"), Mixed(14, 5<<20), bytes.Repeat([]byte("abcd"), 1<<20)} {
			sum := shaOf(data)
			want := xetstore.Expect{SHA256: &sum, Size: int64(len(data))}
			f, err := e.Ingest(ctx, alice, bytes.NewReader(data), want)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read(t, e, f, 0, f.Size), data) {
				t.Fatalf("%d bytes came back different", len(data))
			}
			if g, ok, err := e.FindFile(ctx, "secret", sum); err != nil || !ok || g != f {
				t.Fatalf("FindFile: %v %v %v", g, ok, err)
			}
			if len(data) > 0 {
				packed := (&Client{}).Pack(t, data)
				if packed.Shard.Files[0].Hash != f.Hash {
					t.Error("a client gives the file another hash")
				}
			}
			if _, err := e.Ingest(ctx, alice, bytes.NewReader(data), want); err != nil {
				t.Fatalf("again: %v", err)
			}
		}
	})
}

func TestIngestLies(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(15, 1<<20)
		sum, lie := shaOf(data), hub.SHA256{1}
		size := int64(len(data))
		for name, c := range map[string]struct {
			r    io.Reader
			want xetstore.Expect
			kind errs.Kind
		}{
			"other bytes": {bytes.NewReader(data), xetstore.Expect{SHA256: &lie, Size: size}, errs.Invalid},
			"short":       {bytes.NewReader(data[:size-1]), xetstore.Expect{SHA256: &sum, Size: size}, errs.Invalid},
			"long":        {io.MultiReader(bytes.NewReader(data), strings.NewReader("x")), xetstore.Expect{SHA256: &sum, Size: size}, errs.Invalid},
			"endless":     {Stream(1), xetstore.Expect{SHA256: &sum, Size: size}, errs.Invalid},
			"limit":       {Stream(1), xetstore.Expect{SHA256: &sum, Size: -1, Limit: size}, errs.TooLarge},
			"broken":      {io.MultiReader(bytes.NewReader(data[:1000]), broken{}), xetstore.Expect{SHA256: &sum, Size: size}, errs.Internal},
		} {
			if _, err := e.Ingest(ctx, alice, c.r, c.want); !errs.Is(err, c.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, table := range []string{"xet_file", "xet_repo_file", "xet_repo_xorb", "xet_chunk", "xet_xorb", "xet_xorb_upload"} {
			if n := e.Count(t, table); n != 0 {
				t.Errorf("%s has %d rows", table, n)
			}
		}
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken pipe") }

// Memory does not grow with the size of what is ingested.
func TestIngestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("streams 1 GB")
	}
	e := sqliteFS(t)
	seeded(t, e)
	const size = 1 << 30
	stop := watchHeap()
	start := time.Now()
	_, err := e.Ingest(ctx, alice, io.LimitReader(Stream(20), size), xetstore.Expect{Size: -1})
	took := time.Since(start)
	grown := stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("1 GiB in %v, %d MiB of heap", took, grown>>20)
	if grown > 48<<20 { // 32 MiB, and what waits to be collected
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// watchHeap returns a function that says by how much the live heap grew at its peak.
func watchHeap() func() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, peak := m.HeapAlloc, uint64(0)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(50 * time.Millisecond):
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	return func() uint64 { close(quit); <-done; return peak - min(base, peak) }
}
