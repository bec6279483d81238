package xetstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// rotten stores a file of one xorb in the repository secret, flips a bit and has a reader stumble over it.
func rotten(t *testing.T, e *Env, seed uint64, at int) (data []byte, u *Upload, f xetstore.File) {
	t.Helper()
	data = Mixed(seed, 900_000)
	u = (&Client{}).Pack(t, data)
	put(t, e, alice, u)
	f, _, err := e.FindFile(ctx, "secret", shaOf(data))
	if err != nil {
		t.Fatal(err)
	}
	e.Rot(t, u.Xorbs[0].Hash, at)
	e.Store = New(t, e.DB, e.Blobs).Store // nothing of it is cached
	var got bytes.Buffer
	err = e.WriteTo(ctx, &got, f, 0, f.Size)
	if !errors.Is(err, xet.ErrCorrupt) || !bytes.HasPrefix(data, got.Bytes()) {
		t.Fatalf("read of damaged bytes: %v, %d bytes", err, got.Len())
	}
	if !e.Damaged(t, u.Xorbs[0].Hash) {
		t.Fatal("the damage that a read met was not noted")
	}
	return data, u, f
}

// Whatever bit of a xorb flips, a reader notices, the xorb is marked, nobody may count on it any more, and the first who
// sends it again repairs it for all.
func TestDamageIsAskedForAgain(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		for name, at := range map[string]int{"header": 5, "body": 1000, "index": -500, "last byte": -1} {
			t.Run(name, func(t *testing.T) {
				data, u, f := rotten(t, e, uint64(1000+at+600), at)
				x := u.Xorbs[0]
				if _, found, err := e.StatXorb(ctx, alice, x.Hash); found || err != nil {
					t.Errorf("a damaged xorb is said to be here: %v", err)
				}
				if _, found, err := e.Dedup(ctx, alice, x.Index.Chunks[0].Hash); found || err != nil {
					t.Errorf("an answer names a damaged xorb: %v", err)
				}
				if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); !errs.Is(err, errs.Invalid) {
					t.Errorf("a shard on a damaged xorb: %v", err)
				}
				if have, err := e.FindWhole(ctx, nil, "secret", []hub.SHA256{f.SHA256}); err != nil || len(have) != 0 {
					t.Errorf("a damaged file is said to be whole: %v", err)
				}
				if bad, err := e.DamagedAmong(ctx, "secret", []hub.SHA256{f.SHA256}); err != nil || !bad[f.SHA256] {
					t.Errorf("DamagedAmong: %v %v", bad, err)
				}
				if inserted, err := e.PutXorb(ctx, mallory, x.Hash, bytes.NewReader(x.Body)); err != nil || !inserted {
					t.Fatalf("the bytes sent again: %v %v", inserted, err)
				}
				if e.Damaged(t, x.Hash) || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
					t.Error("the upload did not repair the xorb")
				}
				if have, err := e.FindWhole(ctx, nil, "secret", []hub.SHA256{f.SHA256}); err != nil || len(have) != 1 {
					t.Errorf("a repaired file is not whole: %v", err)
				}
			})
		}
	})
}

// A file sent again as plain bytes is whole again, also when its chunks come to lie in other xorbs: the repository's terms
// are replaced, and so are its rights to xorbs.
func TestDamagedFileSentAgain(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		links := func() (n int) {
			t.Helper()
			if err := e.DB.Get(ctx, &n, "SELECT COUNT(*) FROM xet_repo_xorb WHERE repo_id = 'secret'"); err != nil {
				t.Fatal(err)
			}
			return n
		}
		data, u, f := rotten(t, e, 7, 1000)
		again, err := e.Ingest(ctx, alice, bytes.NewReader(data), xetstore.Expect{Size: f.Size})
		if err != nil || again.Hash != f.Hash {
			t.Fatalf("sent again plain: %v", err)
		}
		if !bytes.Equal(read(t, e, f, 0, f.Size), data) || links() != 1 {
			t.Errorf("not repaired by plain bytes; %d xorbs", links())
		}
		e.Rot(t, u.Xorbs[0].Hash, 2000)
		if err := e.MarkDamaged(ctx, u.Xorbs[0].Hash); err != nil {
			t.Fatal(err)
		}
		other := (&Client{MaxRaw: 300_000}).Pack(t, data)
		put(t, e, alice, other)
		if !bytes.Equal(read(t, e, f, 0, f.Size), data) || links() != len(other.Xorbs) || !e.Damaged(t, u.Xorbs[0].Hash) {
			t.Errorf("not repaired by other xorbs: %d instead of %d", links(), len(other.Xorbs))
		}
		if have, err := e.FindWhole(ctx, nil, "secret", []hub.SHA256{f.SHA256}); err != nil || len(have) != 1 {
			t.Errorf("not whole: %v", err)
		}
		if err := e.MarkSound(ctx, u.Xorbs[0].Hash); err != nil || e.Damaged(t, u.Xorbs[0].Hash) {
			t.Errorf("MarkSound: %v", err)
		}
	})
}

// A read that fails for another reason marks nothing: here the blob was replaced by one that is compressed otherwise.
func TestReplacedIsNotDamaged(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	data := lines(9, 900_000)
	u := (&Client{}).Pack(t, data)
	put(t, e, alice, u)
	f, _, err := e.FindFile(ctx, "secret", shaOf(data))
	if err != nil || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
		t.Fatalf("read: %v", err)
	}
	plain := recompress(t, u.Xorbs[0].Body, u.Xorbs[0].Hash)
	if err := e.MarkDamaged(ctx, u.Xorbs[0].Hash); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t, e.DB, e.Blobs).PutXorb(ctx, alice, u.Xorbs[0].Hash, bytes.NewReader(plain)); err != nil {
		t.Fatal(err)
	}
	_ = e.WriteTo(ctx, &bytes.Buffer{}, f, 0, f.Size) // by the index of the other body; may fail
	if e.Damaged(t, u.Xorbs[0].Hash) {
		t.Error("a replaced xorb was called damaged")
	}
	if !bytes.Equal(read(t, e, f, 0, f.Size), data) {
		t.Error("the replaced xorb is not read")
	}
}

// lines makes n bytes of text, which every chunk of a xorb is compressed for.
func lines(seed uint64, n int) []byte {
	var b []byte
	for i := seed * 1_000_000; len(b) < n; i++ {
		b = fmt.Appendf(b, "the weight with the number %d\n", i*i)
	}
	return b[:n]
}

// recompress is the same xorb with no chunk compressed, which is to be another body.
func recompress(t *testing.T, body []byte, want xet.Hash) []byte {
	t.Helper()
	whole := len(body)
	var out []byte
	for len(body) > 0 {
		raw, n, err := xet.DecodeChunk(nil, body)
		if err != nil {
			t.Fatal(err)
		}
		k := len(raw)
		out = append(out, 0, byte(k), byte(k>>8), byte(k>>16), 0, byte(k), byte(k>>8), byte(k>>16))
		out = append(out, raw...)
		body = body[n:]
	}
	if len(out) == whole {
		t.Fatal("nothing of the xorb was compressed before")
	}
	if _, err := xet.VerifyXorb(bytes.NewReader(out), &bytes.Buffer{}, want); err != nil {
		t.Fatal(err)
	}
	return out
}
