package xetstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

var ctx = context.Background()

// alice owns a private repository and may read her own.
var alice = xetstore.Scope{UserID: "alice", RepoID: "secret", Owners: []string{"alice"}}

// mallory owns another repository and knows hashes.
var mallory = xetstore.Scope{UserID: "mallory", RepoID: "den", Owners: []string{"mallory"}}

func seeded(t testing.TB, e *Env) {
	e.Repo(t, "secret", "alice", "private")
	e.Repo(t, "second", "alice", "private")
	e.Repo(t, "den", "mallory", "private")
	e.Repo(t, "open", "alice", "public")
}

func putXorbs(t testing.TB, e *Env, sc xetstore.Scope, u *Upload) {
	t.Helper()
	for _, x := range u.Xorbs {
		if _, err := e.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body)); err != nil {
			t.Fatal(err)
		}
	}
}

func put(t testing.TB, e *Env, sc xetstore.Scope, u *Upload) {
	t.Helper()
	putXorbs(t, e, sc, u)
	if err := e.PutShard(ctx, sc, bytes.NewReader(u.Bytes()), nil); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, e *Env, f xetstore.File, off, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.WriteTo(ctx, &b, f, off, n); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func shaOf(data []byte) hub.SHA256 { return sha256.Sum256(data) }

func TestRoundTrip(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		files := [][]byte{Mixed(1, 3<<20), []byte("hello world"), bytes.Repeat([]byte{0}, 3<<20), {}}
		c := &Client{MaxRaw: 1 << 20}
		put(t, e, alice, c.Pack(t, files...))
		for _, data := range files {
			f, ok, err := e.FindFile(ctx, "secret", shaOf(data))
			if err != nil || !ok || f.Size != int64(len(data)) {
				t.Fatalf("FindFile: %v %v %v", f, ok, err)
			}
			if !bytes.Equal(read(t, e, f, 0, f.Size), data) {
				t.Fatalf("a file of %d bytes came back different", len(data))
			}
			if g, ok, err := e.ByHash(ctx, nil, "secret", f.Hash); err != nil || !ok || g != f {
				t.Fatalf("ByHash: %v %v %v", g, ok, err)
			}
			if _, ok, _ := e.FindFile(ctx, "den", shaOf(data)); ok {
				t.Fatal("another repository has the file")
			}
		}
		var want int64
		for _, f := range files {
			want += int64(len(f))
		}
		if n, err := e.Usage(ctx, nil, "secret"); err != nil || n != want {
			t.Fatalf("Usage: %d %v, want %d", n, err, want)
		}
		put(t, e, alice, (&Client{MaxRaw: 1 << 20}).Pack(t, files...)) // all again
	})
}

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

func TestInsertedIsNoOracle(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		x := (&Client{}).Pack(t, Mixed(4, 400_000)).Xorbs[0]
		send := func(sc xetstore.Scope) bool {
			t.Helper()
			ok, err := e.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body))
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if !send(alice) || send(alice) {
			t.Error("alice: want inserted, then not")
		}
		if !send(mallory) || send(mallory) {
			t.Error("mallory: want inserted, then not")
		}
		if list, _ := e.Blobs.List(ctx, "", "", 10); len(list) != 1 || !strings.HasPrefix(list[0].Key, "xorbs/") {
			t.Errorf("blobs: %v", list)
		}
	})
}

// A stranger who knows every hash, but has no bytes, obtains nothing, and is told what is told about unknown hashes.
func TestStrangerWithHashes(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(5, 2<<20)
		u := (&Client{}).Pack(t, data)
		put(t, e, alice, u)
		unknown := (&Client{}).Pack(t, Mixed(6, 2<<20))

		shard := func(u *Upload) string {
			err := e.PutShard(ctx, mallory, bytes.NewReader(u.Bytes()), nil)
			if !errs.Is(err, errs.Invalid) {
				t.Fatalf("shard: %v", err)
			}
			return err.Error()
		}
		if a, b := shard(u), shard(unknown); a != b {
			t.Errorf("shard: %q for known xorbs, %q for unknown", a, b)
		}
		filesOnly := func(u *Upload) *Upload { return &Upload{Shard: xet.Shard{Files: u.Shard.Files}} }
		if a, b := shard(filesOnly(u)), shard(filesOnly(unknown)); a != b {
			t.Errorf("file: %q for known xorbs, %q for unknown", a, b)
		}
		for _, h := range Chunks(t, data) {
			if b, found, err := e.Dedup(ctx, mallory, h); err != nil || found || b != nil {
				t.Fatalf("dedup: %v %v", found, err)
			}
		}
		if _, found, err := e.StatXorb(ctx, mallory, u.Xorbs[0].Hash); err != nil || found {
			t.Errorf("StatXorb: %v %v", found, err)
		}
		_, a := e.Reconstruct(ctx, "den", u.Shard.Files[0].Hash, 0, 10)
		_, b := e.Reconstruct(ctx, "den", unknown.Shard.Files[0].Hash, 0, 10)
		if a == nil || b == nil || a.Error() != b.Error() {
			t.Errorf("reconstruct: %v and %v", a, b)
		}
		if m, err := e.FindFiles(ctx, nil, "den", []hub.SHA256{shaOf(data)}); err != nil || len(m) != 0 {
			t.Errorf("FindFiles: %v %v", m, err)
		}
	})
}

// Xorbs of a public repository are known to all; those of a gated one are not.
func TestVisibility(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(7, 2<<20)
		public := alice
		public.RepoID = "open"
		u := (&Client{}).Pack(t, data)
		put(t, e, public, u)
		first := Chunks(t, data)[0]
		if b, found, err := e.Dedup(ctx, mallory, first); err != nil || !found || !ParseAnswer(t, b).Holds(first) {
			t.Fatalf("public: %v %v", found, err)
		}
		if _, err := e.DB.Exec(ctx, "UPDATE repo SET gated = 'auto' WHERE id = 'open'"); err != nil {
			t.Fatal(err)
		}
		if _, found, _ := e.Dedup(ctx, mallory, first); found {
			t.Error("gated: found")
		}
		if _, found, _ := e.Dedup(ctx, alice, first); !found {
			t.Error("gated: not found by its owner")
		}
		if _, found, _ := e.Dedup(ctx, xetstore.Scope{All: true}, first); !found {
			t.Error("gated: not found by the administrator")
		}
	})
}

func TestShardRefusals(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		u := (&Client{MaxRaw: 1 << 20}).Pack(t, Mixed(8, 2<<20), []byte("small"))
		putXorbs(t, e, alice, u)
		for name, spoil := range map[string]func(s *xet.Shard){
			"sha256":         func(s *xet.Shard) { s.Files[1].SHA256 = &[32]byte{1} },
			"file hash":      func(s *xet.Shard) { s.Files[0].Hash[0]++ },
			"verification":   func(s *xet.Shard) { s.Files[0].Verification[0][0]++ },
			"none":           func(s *xet.Shard) { s.Files[0].Verification = nil },
			"length":         func(s *xet.Shard) { s.Files[0].Segments[0].UnpackedBytes++ },
			"range":          func(s *xet.Shard) { s.Files[0].Segments[0].End++ },
			"empty range":    func(s *xet.Shard) { s.Files[0].Segments[0].End = s.Files[0].Segments[0].Start },
			"unknown xorb":   func(s *xet.Shard) { s.Files[0].Segments[0].Xorb[0]++ },
			"listed xorb":    func(s *xet.Shard) { s.Xorbs[0].Hash[0]++ },
			"listed chunk":   func(s *xet.Shard) { s.Xorbs[0].Chunks[0].Hash[0]++ },
			"listed length":  func(s *xet.Shard) { s.Xorbs[0].Chunks[0].Length++ },
			"listed offset":  func(s *xet.Shard) { s.Xorbs[0].Chunks[1].Start++ },
			"listed missing": func(s *xet.Shard) { s.Xorbs[0].Chunks = s.Xorbs[0].Chunks[1:] },
			"order":          func(s *xet.Shard) { slices.Reverse(s.Files[0].Segments) },
		} {
			s, err := xet.ParseShard(bytes.NewReader(u.Bytes()), xet.MaxShard)
			if err != nil {
				t.Fatal(err)
			}
			spoil(s)
			if err := e.PutShard(ctx, alice, bytes.NewReader(xet.AppendShard(nil, s, true)), nil); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, b := range map[string][]byte{"empty": {}, "cut": u.Bytes()[:500], "long": append(u.Bytes(), 0)} {
			if err := e.PutShard(ctx, alice, bytes.NewReader(b), nil); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, table := range []string{"xet_file", "xet_repo_file", "xet_repo_xorb", "xet_chunk"} {
			if n := e.Count(t, table); n != 0 {
				t.Errorf("%s has %d rows", table, n)
			}
		}
	})
}

// A SHA-256 that was found out once is held against later claims, and equal bytes in other chunks are both reachable.
func TestOneContentTwoFiles(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Random(9, 300_000)
		u := (&Client{}).Pack(t, data)
		put(t, e, alice, u)
		other := cutEvery(t, data, 10_000)
		sc := alice
		sc.RepoID = "second"
		put(t, e, sc, other)
		f, ok, err := e.FindFile(ctx, "second", shaOf(data))
		if err != nil || !ok || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
			t.Fatalf("by SHA-256: %v %v", ok, err)
		}
		f, ok, err = e.ByHash(ctx, nil, "second", other.Shard.Files[0].Hash)
		if err != nil || !ok || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
			t.Fatalf("by hash: %v %v", ok, err)
		}
		lie := [32]byte{9}
		u.Shard.Files[0].SHA256 = &lie
		if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("a lie about a known file: %v", err)
		}
	})
}

// cutEvery packs a file in chunks of equal length, as no chunker does.
func cutEvery(t testing.TB, data []byte, n int) *Upload {
	var body bytes.Buffer
	w := xet.NewXorbWriter(&body)
	var leaves []xet.Leaf
	var hashes []xet.Hash
	for chunk := range slices.Chunk(data, n) {
		h := xet.ChunkHash(chunk)
		w.Add(chunk, h)
		hashes = append(hashes, h)
		leaves = append(leaves, xet.Leaf{Hash: h, Size: uint64(len(chunk))})
	}
	x, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	f := xet.File{
		Hash: xet.FileHash(leaves), SHA256: &sum, Verification: []xet.Hash{xet.RangeHash(hashes)},
		Segments: []xet.Segment{{Xorb: x.Hash, UnpackedBytes: uint32(len(data)), End: uint32(len(hashes))}},
	}
	return &Upload{Xorbs: []Xorb{{Hash: x.Hash, Body: body.Bytes(), Index: x}}, Shard: xet.Shard{Files: []xet.File{f, f}}}
}

func TestLinkCopyDelete(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(10, 1<<20)
		u := (&Client{}).Pack(t, data)
		put(t, e, alice, u)
		has := func(repo string) bool {
			_, ok, err := e.FindFile(ctx, repo, shaOf(data))
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		tx := func(f func(tx *db.Tx) error) {
			t.Helper()
			if err := e.DB.Tx(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		tx(func(tx *db.Tx) error { return e.Link(ctx, tx, "second", []xet.Hash{u.Shard.Files[0].Hash}) })
		tx(func(tx *db.Tx) error { return e.CopyRepo(ctx, tx, "second", "open") })
		tx(func(tx *db.Tx) error { return e.CopyRepo(ctx, tx, "second", "open") })
		if !has("second") || !has("open") || has("den") {
			t.Error("wrong repositories have the file")
		}
		if _, found, _ := e.Dedup(ctx, mallory, Chunks(t, data)[0]); !found {
			t.Error("a copy to a public repository must make the xorb known")
		}
		tx(func(tx *db.Tx) error { return e.DeleteRepo(ctx, tx, "open") })
		if has("open") || !has("second") {
			t.Error("delete")
		}
		if _, found, _ := e.Dedup(ctx, mallory, Chunks(t, data)[0]); found {
			t.Error("the xorb is still known to strangers")
		}
		err := e.DB.Tx(ctx, func(tx *db.Tx) error { return e.Link(ctx, tx, "second", []xet.Hash{{1}}) })
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("Link of an unknown file: %v", err)
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
			if !errors.Is(err, xet.ErrCorrupt) || errs.KindOf(err) != errs.Internal {
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
			if at%body < 8 { // the header of the first chunk is not read
				at += 8
			}
			spoiled[at] ^= 1 << rng.IntN(8)
			store(t, e, key, spoiled)
			var b bytes.Buffer
			err := e.WriteTo(ctx, &b, f, 0, f.Size)
			if err == nil && !bytes.Equal(b.Bytes(), data) || err != nil && !bytes.HasPrefix(data, b.Bytes()) {
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
