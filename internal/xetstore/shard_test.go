package xetstore_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

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

// A SHA-256 that was found out once is held against later claims. Of equal bytes in other chunks each repository has its
// own, and the one that it got first when it has both.
func TestOneContentTwoFiles(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Random(9, 300_000)
		u, other := (&Client{}).Pack(t, data), cutEvery(t, data, 10_000)
		second := alice
		second.RepoID = "second"
		check := func(repo string, want *Upload) {
			t.Helper()
			f, ok, err := e.FindFile(ctx, repo, shaOf(data))
			if err != nil || !ok || f.Hash != want.Shard.Files[0].Hash || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
				t.Fatalf("%s: %v %v %v", repo, f, ok, err)
			}
		}
		put(t, e, alice, u)
		put(t, e, second, other)
		check("secret", u)
		check("second", other)
		put(t, e, second, u)
		put(t, e, alice, other)
		check("secret", u)
		check("second", other)
		if n := copyRepo(t, e, "second", "open", shaOf(data)); n != 2*int64(len(data)) {
			t.Errorf("copied %d bytes", n)
		}
		check("open", other)
		for _, u := range []*Upload{u, other} {
			f, ok, err := e.ByHash(ctx, nil, "second", u.Shard.Files[0].Hash)
			if err != nil || !ok || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
				t.Fatalf("by hash: %v %v", ok, err)
			}
		}
		lie := [32]byte{9}
		u.Shard.Files[0].SHA256 = &lie
		if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("a lie about a known file: %v", err)
		}
	})
}

// A repository keeps a file made of the xorbs that it got it by, and gets no right to others that the file comes in again.
func TestTermsStay(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Random(32, 3<<20)
		first, again := (&Client{MaxRaw: 1 << 20}).Pack(t, data), (&Client{MaxRaw: 700_000}).Pack(t, data)
		xorbs := func(e *Env) (list []xet.Hash) {
			f, _, err := e.ByHash(ctx, nil, "secret", first.Shard.Files[0].Hash)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := e.Reconstruct(ctx, f, 0, uint64(f.Size))
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range plan.Xorbs {
				list = append(list, x.Xorb)
			}
			return list
		}
		put(t, e, alice, first)
		was := xorbs(e)
		put(t, e, alice, again)
		if _, err := e.Ingest(ctx, alice, bytes.NewReader(data), xetstore.Expect{Size: -1}); err != nil {
			t.Fatal(err)
		}
		if now := xorbs(New(t, e.DB, e.Blobs)); !slices.Equal(was, now) {
			t.Errorf("made of %v, then of %v", was, now)
		}
		if n := e.Count(t, "xet_repo_xorb"); n != len(was) {
			t.Errorf("a right to %d xorbs, made of %d", n, len(was))
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
		tx(func(tx *db.Tx) error {
			return e.Link(ctx, tx, "second", []xetstore.File{{RepoID: "secret", Hash: u.Shard.Files[0].Hash}})
		})
		copyRepo(t, e, "second", "open", shaOf(data))
		copyRepo(t, e, "second", "open", shaOf(data))
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
		err := e.DB.Tx(ctx, func(tx *db.Tx) error {
			return e.Link(ctx, tx, "open", []xetstore.File{{RepoID: "den", Hash: u.Shard.Files[0].Hash}})
		})
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("Link of a file that is elsewhere: %v", err)
		}
	})
}
