package xetstore_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// pieces are contents of some chunks each, cut out of one.
func pieces(t *testing.T, seed uint64) (whole []byte, some [][]byte) {
	t.Helper()
	whole = Random(seed, 4<<20)
	c := xet.NewChunker(bytes.NewReader(whole))
	var ends []int
	for at := 0; ; {
		chunk, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at += len(chunk)
		ends = append(ends, at)
	}
	for i := 0; i+4 < len(ends); i += 4 {
		some = append(some, whole[ends[i]:ends[i+4]])
	}
	return whole, some
}

// thinned makes a xorb of one file and lets go of that when another one, which two repositories have, is made of four of its chunks.
func thinned(t *testing.T, e *Env, c *Client) (kept xetstore.File, content []byte, xorb xet.Hash) {
	t.Helper()
	seeded(t, e)
	whole, some := pieces(t, 500)
	u := c.Pack(t, whole)
	if len(u.Xorbs) != 1 {
		t.Fatalf("%d xorbs", len(u.Xorbs))
	}
	put(t, e, alice, u)
	content = some[3]
	part := c.Pack(t, content)
	if len(part.Xorbs) != 0 {
		t.Fatal("the client sends what it has sent")
	}
	put(t, e, alice, part)
	kept, ok, err := e.FindFile(ctx, "secret", shaOf(content))
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := e.DB.Tx(ctx, func(tx *db.Tx) error { return e.Link(ctx, tx, "second", []xetstore.File{kept}) }); err != nil {
		t.Fatal(err)
	}
	remove(t, e, "secret", shaOf(whole))
	return kept, content, u.Xorbs[0].Hash
}

func rewriteThin(t *testing.T, e *Env, keep time.Duration) xetstore.Rewritten {
	t.Helper()
	done, err := e.RewriteThin(ctx, keep)
	if err == nil {
		err = e.Loosen(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// What is left of a xorb is written again; readers, also those that remember its terms, get the same bytes; what one repository may
// build on does not grow; and the old xorb goes when nobody can remember it.
func TestThinXorbIsWrittenAgain(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		kept, content, old := thinned(t, e, &Client{})
		const keep = 22 * 24 * time.Hour
		if done := rewriteThin(t, e, keep); done.Xorbs != 0 {
			t.Errorf("a young one: %+v", done)
		}
		age(t, e, keep+time.Hour)
		remembers := Later(t, e, 0)
		if !bytes.Equal(read(t, remembers, kept, 0, kept.Size), content) {
			t.Fatal("before")
		}
		done := rewriteThin(t, e, keep)
		if done.Xorbs != 1 || done.After >= done.Before/4 {
			t.Fatalf("%+v", done)
		}
		if again := rewriteThin(t, e, 0); again.Xorbs != 0 {
			t.Errorf("again: %+v", again)
		}
		for _, id := range []string{"secret", "second"} {
			f, ok, err := e.FindFile(ctx, id, shaOf(content))
			if !ok || err != nil || f.Hash != kept.Hash {
				t.Fatalf("%s: %v %v %v", id, f, ok, err)
			}
			for _, node := range []*Env{e, remembers, Later(t, e, 0)} {
				if !bytes.Equal(read(t, node, f, 0, f.Size), content) {
					t.Errorf("%s has other bytes", id)
				}
			}
			if n := rights(t, e, id); n != 1 {
				t.Errorf("%s has a right to %d xorbs", id, n)
			}
			plan, err := e.Reconstruct(ctx, f, 0, uint64(f.Size))
			if err != nil || slices.ContainsFunc(plan.Terms, func(s xet.Segment) bool { return s.Xorb == old }) {
				t.Errorf("a plan of the old xorb: %v", err)
			}
		}
		if x, found, err := e.Dedup(ctx, alice, Chunks(t, content)[0]); err != nil || !found || !ParseAnswer(t, x).Holds(Chunks(t, content)[0]) {
			t.Errorf("its chunks are not found any more: %v %v", found, err)
		}
		if _, found, _ := e.Dedup(ctx, mallory, Chunks(t, content)[0]); found {
			t.Error("mallory is told of it")
		}
		if buried, _ := collectXorbs(t, e, 0); buried.Xorbs != 0 {
			t.Error("the old xorb went while nodes may remember it")
		}
		later := Later(t, e, 25*time.Hour)
		if n, err := later.CollectXorbs(ctx, 0, false); err != nil || n.Xorbs != 1 {
			t.Errorf("%+v %v", n, err)
		}
		if f, err := later.FreeXorbs(ctx); err != nil || f.Xorbs != 1 {
			t.Errorf("%+v %v", f, err)
		}
		if !bytes.Equal(read(t, later, kept, 0, kept.Size), content) {
			t.Error("the file went with the old xorb")
		}
		put(t, e, alice, (&Client{}).Pack(t, content)) // the same again
	})
}

// A file that comes to name other chunks of the old xorb while it is written again keeps it alive.
func TestRewriteLeavesWhatCameMeanwhile(t *testing.T) {
	e := sqliteFS(t)
	c := &Client{}
	_, content, old := thinned(t, e, c)
	age(t, e, 48*time.Hour)
	_, some := pieces(t, 500)
	other := some[5]
	u := c.Pack(t, other)
	slow := &racingStore{Store: e.Blobs, during: func() {
		if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); err != nil {
			t.Error(err)
		}
	}}
	racing := New(t, e.DB, slow)
	if done := rewriteThin(t, racing, 24*time.Hour); done.Xorbs != 1 || slow.during != nil {
		t.Fatalf("%+v", done)
	}
	for _, want := range [][]byte{content, other} {
		f, ok, err := e.FindFile(ctx, "secret", shaOf(want))
		if !ok || err != nil || !bytes.Equal(read(t, Later(t, e, 0), f, 0, f.Size), want) {
			t.Errorf("%v %v", ok, err)
		}
	}
	later := Later(t, e, 25*time.Hour)
	if _, err := later.CollectXorbs(ctx, 0, false); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := e.DB.Get(ctx, &n, "SELECT COUNT(*) FROM xet_xorb WHERE hash = ?", old[:]); err != nil || n != 1 {
		t.Errorf("the old xorb is gone, and a file names it: %v", err)
	}
}

// racingStore lets a test act once, when an object is about to be written.
type racingStore struct {
	blob.Store
	during func()
}

func (s *racingStore) Create(c context.Context) (blob.Upload, error) {
	if f := s.during; f != nil {
		s.during = nil
		f()
	}
	return s.Store.Create(c)
}

// A xorb that files name all of is the same when it is written again: with the highest limit it stays, and is found.
func TestWholeXorbIsNotWrittenAgain(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	data := Random(77, 400_000)
	u := (&Client{}).Pack(t, data)
	put(t, e, alice, u)
	x := u.Xorbs[0]
	if _, err := e.DB.Exec(ctx, "INSERT INTO xet_thin (xorb, noted_at) VALUES (?, 1)", x.Hash[:]); err != nil {
		t.Fatal(err)
	}
	age(t, e, 48*time.Hour)
	all := xetstore.New(e.DB, e.Blobs, xetstore.Options{Log: slog.New(slog.DiscardHandler), RewriteBelow: 100})
	if done, err := all.RewriteThin(ctx, 24*time.Hour); err != nil || done.Xorbs != 0 {
		t.Errorf("%+v %v", done, err)
	}
	var n int
	if err := e.DB.Get(ctx, &n, "SELECT COUNT(*) FROM xet_thin"); err != nil || n != 0 {
		t.Errorf("%d are looked at again: %v", n, err)
	}
	if _, found, err := e.Dedup(ctx, alice, x.Index.Chunks[0].Hash); err != nil || !found {
		t.Errorf("its first chunk leads nowhere: %v", err)
	}
}
