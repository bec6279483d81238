package xetstore_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// verified is what Verify says at each level: "" for sound, else the state.
func verified(t *testing.T, e *Env, h xet.Hash) (states [3]blob.State) {
	t.Helper()
	for level := range states {
		err := e.Verify(ctx, h, blob.Level(level))
		var damage *blob.DamageError
		if errors.As(err, &damage) && errors.Is(err, xetstore.ErrDamaged) {
			states[level] = damage.State
		} else if err != nil {
			t.Fatalf("level %d: %v", level, err)
		}
	}
	return states
}

func TestVerifyTellsWhatIsWrong(t *testing.T) {
	const ok = blob.State("")
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		put(t, e, alice, (&Client{}).Pack(t, Mixed(21, 3<<20)))
		xorbs, err := e.Xorbs(ctx, nil, 10)
		if err != nil || len(xorbs) == 0 {
			t.Fatal(len(xorbs), err)
		}
		x := xorbs[0]
		whole, err := blob.GetBytes(ctx, e.Blobs, x.Key(), 100<<20)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		flipped := func(from, to int64) []byte {
			b := slices.Clone(whole)
			b[from+rng.Int64N(to-from)] ^= 1 << rng.IntN(8)
			return b
		}
		for range 10 {
			for _, c := range []struct {
				name string
				blob []byte
				want [3]blob.State
			}{
				{"sound", whole, [3]blob.State{ok, ok, ok}},
				{"a bit of the body", flipped(0, x.Body), [3]blob.State{ok, ok, blob.Corrupt}},
				{"a bit of the index", flipped(x.Body, x.Stored), [3]blob.State{ok, blob.Corrupt, blob.Corrupt}},
				{"cut", whole[:rng.Int64N(x.Stored)], [3]blob.State{blob.Short, blob.Short, blob.Short}},
				{"longer", append(slices.Clone(whole), 0), [3]blob.State{blob.Corrupt, blob.Corrupt, blob.Corrupt}},
			} {
				store(t, e, x.Key(), c.blob)
				if got := verified(t, e, x.Hash); got != c.want {
					t.Errorf("%s: %v, want %v", c.name, got, c.want)
				}
			}
		}
		if err := e.Blobs.Delete(ctx, x.Key()); err != nil {
			t.Fatal(err)
		}
		if got := verified(t, e, x.Hash); got != [3]blob.State{blob.Absent, blob.Absent, blob.Absent} {
			t.Errorf("deleted: %v", got)
		}
		if err := e.Verify(ctx, xet.Hash{1}, xetstore.Data); !errs.Is(err, errs.NotFound) || errors.Is(err, xetstore.ErrDamaged) {
			t.Errorf("a xorb without a row: %v", err)
		}
	})
}

// The body that is stored may be compressed otherwise than the row says, and is sound all the same.
func TestVerifyBelievesTheBlob(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		put(t, e, alice, (&Client{}).Pack(t, Mixed(22, 1<<20)))
		xorbs, err := e.Xorbs(ctx, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		x := xorbs[0]
		if _, err := e.DB.Exec(ctx, "UPDATE xet_xorb SET stored_size = stored_size + 5, body_size = body_size + 1 WHERE hash = ?", x.Hash[:]); err != nil {
			t.Fatal(err)
		}
		if got := verified(t, e, x.Hash); got != [3]blob.State{} {
			t.Error(got)
		}
		index, err := e.VerifyXorb(ctx, x.Hash, xetstore.Index)
		if err != nil || x.Differs(index) {
			t.Error("the row that was right differs", err)
		}
		xorbs, _ = e.Xorbs(ctx, nil, 10)
		if !xorbs[0].Differs(index) {
			t.Error("the row that is wrong does not differ")
		}
	})
}

func TestXorbsArePaged(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		put(t, e, alice, (&Client{MaxRaw: 128 << 10}).Pack(t, Mixed(23, 2<<20)))
		all, err := e.Xorbs(ctx, nil, 1000)
		if err != nil || len(all) < 5 {
			t.Fatal(len(all), err)
		}
		var paged []xetstore.XorbInfo
		var after []byte
		for {
			page, err := e.Xorbs(ctx, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			paged = append(paged, page...)
			if len(page) < 3 {
				break
			}
			after = page[2].Hash[:]
		}
		if !slices.Equal(all, paged) {
			t.Errorf("%d in pages, %d at once", len(paged), len(all))
		}
	})
}

// A store that does not answer says nothing about the bytes.
func TestVerifyDoesNotBlameTheStore(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	put(t, e, alice, (&Client{}).Pack(t, Mixed(24, 1<<20)))
	xorbs, _ := e.Xorbs(ctx, nil, 1)
	s := xetstore.New(e.DB, &silent{e.Blobs}, xetstore.Options{})
	for level := xetstore.Index; level <= xetstore.Data; level++ {
		if err := s.Verify(ctx, xorbs[0].Hash, level); err == nil || errors.Is(err, xetstore.ErrDamaged) {
			t.Errorf("level %d: %v", level, err)
		}
	}
}

// silent is a store that is there and gives no bytes.
type silent struct{ blob.Store }

func (s *silent) Open(_ context.Context, key string, off, n int64) (io.ReadCloser, error) {
	return nil, errs.New(errs.Unavailable, "The store does not answer")
}
