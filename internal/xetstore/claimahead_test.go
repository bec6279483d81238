package xetstore_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func onDisk(t *testing.T) *Env {
	t.Helper()
	e := New(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	seeded(t, e)
	return e
}

// register sends a shard and returns how many bytes of its files were known before anything was hashed for it, and of all.
func register(t *testing.T, e *Env, sc xetstore.Scope, u *Upload) (begun, total int) {
	t.Helper()
	first := true
	err := e.PutShard(ctx, sc, bytes.NewReader(u.Bytes()), func(done, of int) {
		if done > 0 && first {
			begun, first = done, false
		}
		total = of
	})
	if err != nil {
		t.Fatal(err)
	}
	return begun, total
}

// What was hashed while it came is not read again, and what was not follows. Data is as Pack cuts it: whole xorbs in order.
func TestHashedAhead(t *testing.T) {
	e := onDisk(t)
	data := Random(60, 6<<20)
	u := (&Client{MaxRaw: 1 << 20}).Pack(t, data)
	if len(u.Xorbs) < 6 {
		t.Fatal(len(u.Xorbs), "xorbs")
	}
	putXorbs(t, e, alice, u)
	e.AwaitAhead(t, alice, int64(len(data)))
	if begun, total := register(t, e, alice, u); begun != len(data) || total != len(data) {
		t.Errorf("%d of %d bytes were hashed ahead", begun, total)
	}
	f, ok, err := e.FindFile(ctx, "secret", shaOf(data))
	if err != nil || !ok || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
		t.Fatal(ok, err)
	}

	// The file grows: only what came on top is hashed.
	grown := slices.Concat(data, Random(61, 2<<20))
	c := &Client{MaxRaw: 1 << 20}
	c.Pack(t, data)
	next := c.Pack(t, grown)
	putXorbs(t, e, alice, next)
	if begun, total := register(t, e, alice, next); begun < 5<<20 || total != len(grown) {
		t.Errorf("%d of %d bytes were known of the version before", begun, total)
	}
	if _, ok, err := e.FindFile(ctx, "secret", shaOf(grown)); !ok || err != nil {
		t.Fatal(ok, err)
	}
}

// A false SHA-256 is refused though all was hashed ahead, and so is one of the same chunks in another order.
func TestHashedAheadBelievesNothing(t *testing.T) {
	e := onDisk(t)
	data := Random(62, 4<<20)
	u := (&Client{MaxRaw: 1 << 20}).Pack(t, data)
	putXorbs(t, e, alice, u)
	e.AwaitAhead(t, alice, int64(len(data)))
	lie, truth := [32]byte{7}, u.Shard.Files[0].SHA256
	u.Shard.Files[0].SHA256 = &lie
	for range 2 {
		if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("a lie: %v", err)
		}
	}
	u.Shard.Files[0].SHA256 = truth
	register(t, e, alice, u)

	// A file that ends within a xorb, or begins within one, is not the xorbs that came.
	for name, part := range map[string][]byte{"head": data[:5<<19], "tail": data[3<<19:], "swapped": slices.Concat(data[2<<20:], data[:2<<20])} {
		c := &Client{MaxRaw: 1 << 20}
		c.Pack(t, data)
		other := c.Pack(t, part)
		putXorbs(t, e, alice, u)
		putXorbs(t, e, alice, other)
		register(t, e, alice, other)
		if f, ok, err := e.FindFile(ctx, "secret", shaOf(part)); err != nil || !ok || !bytes.Equal(read(t, e, f, 0, f.Size), part) {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

// Xorbs that come in any order, twice, broken first, or for several files and repositories at once cost time and nothing else.
func TestHashedAheadInDisorder(t *testing.T) {
	e := onDisk(t)
	second := alice
	second.RepoID = "second"
	var wg sync.WaitGroup
	for i, sc := range []xetstore.Scope{alice, alice, second, mallory} {
		wg.Go(func() {
			for round := range 4 {
				data := Random(uint64(70+10*i+round), 3<<20)
				u := (&Client{MaxRaw: 600_000}).Pack(t, data)
				var sends sync.WaitGroup
				for n, x := range u.Xorbs {
					sends.Go(func() {
						if n%3 == round%3 {
							if _, err := e.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body[:len(x.Body)/2])); !errs.Is(err, errs.Invalid) {
								t.Error("half a xorb:", err)
							}
						}
						for range 1 + n%2 {
							if _, err := e.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body)); err != nil {
								t.Error(err)
							}
						}
					})
				}
				sends.Wait()
				if err := e.PutShard(ctx, sc, bytes.NewReader(u.Bytes()), nil); err != nil {
					t.Error(err)
				}
				if _, ok, err := e.FindFile(ctx, sc.RepoID, shaOf(data)); err != nil || !ok {
					t.Error(ok, err)
				}
			}
		})
	}
	wg.Wait()
}

// What nobody's file is made of in the end is hashed for nothing, and then not again for a while.
func TestHashedAheadGivesUp(t *testing.T) {
	e := onDisk(t)
	c := &Client{MaxRaw: 4 << 20}
	waste := c.Pack(t, Random(65, 80<<20))
	putXorbs(t, e, alice, waste)
	e.AwaitAhead(t, alice, 80<<20)
	small := (&Client{}).Pack(t, Random(66, 1<<20))
	putXorbs(t, e, alice, small)
	register(t, e, alice, small)
	next := (&Client{}).Pack(t, Random(67, 1<<20))
	putXorbs(t, e, alice, next)
	if e.IsFollowed(alice) {
		t.Error("the next upload is followed")
	}
	register(t, e, alice, next)
	second := alice
	second.RepoID = "second"
	putXorbs(t, e, second, next)
	e.AwaitAhead(t, second, 1<<20)
}
