package xetstore_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// F10: a collector without grace takes nothing that an upload was acknowledged for.
func TestF10CollectorAgainstUploads(t *testing.T) {
	t.Run("sqlite-fs", func(t *testing.T) {
		r := &Race{Uploaders: 16, Rounds: 12}
		r.Store(dbtest.New(t, db.SQLite), blobtest.FS(t))
		r.Run(t)
	})
	t.Run("postgres-s3", func(t *testing.T) {
		r := &Race{Uploaders: 16, Rounds: 5}
		r.Store(dbtest.New(t, db.Postgres), blobtest.NewS3(t))
		r.Run(t)
	})
}

func blobsOf(t *testing.T, e *Env) int {
	t.Helper()
	list, err := e.Blobs.List(ctx, "xorbs/", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func collectXorbs(t *testing.T, e *Env, keep time.Duration) (buried, freed xetstore.Freed) {
	t.Helper()
	buried, err := e.CollectXorbs(ctx, keep, false)
	if err != nil {
		t.Fatal(err)
	}
	if freed, err = e.FreeXorbs(ctx); err != nil {
		t.Fatal(err)
	}
	return buried, freed
}

func age(t *testing.T, e *Env, by time.Duration) {
	t.Helper()
	if _, err := e.DB.Exec(ctx, "UPDATE xet_xorb SET touched_at = touched_at - ?", by.Microseconds()); err != nil {
		t.Fatal(err)
	}
}

// What no repository is made of goes when it was not touched for long: not what is young, what a file uses, what an unfinished
// upload counts on, nor what somebody holds.
func TestUnusedXorbsAreCollected(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		files := ingested(t, e, Random(70, 200_000), Random(71, 200_000))
		putXorbs(t, e, alice, (&Client{}).Pack(t, Random(72, 200_000)))
		putPart(t, e, hub.NewID(), 1, Random(73, 200_000))
		remove(t, e, "secret", shaOf(Random(71, 200_000)))
		const keep = 22 * 24 * time.Hour
		if buried, _ := collectXorbs(t, e, keep); buried.Xorbs != 0 || blobsOf(t, e) != 4 {
			t.Fatalf("%+v of xorbs that are young", buried)
		}
		age(t, e, keep+time.Hour)
		if dry, err := e.CollectXorbs(ctx, keep, true); err != nil || dry.Xorbs != 2 || dry.Bytes < 400_000 || e.Count(t, "xet_xorb") != 4 {
			t.Errorf("a dry run: %+v %v", dry, err)
		}
		h, err := hold.Take(ctx, e.DB, hold.Hold{Kind: "test"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if buried, freed := collectXorbs(t, e, keep); buried.Xorbs != 2 || freed.Xorbs != 0 || blobsOf(t, e) != 4 {
			t.Errorf("while the hub is held: %+v, %+v", buried, freed)
		}
		if err := h.Release(ctx); err != nil {
			t.Fatal(err)
		}
		w, err := e.Waiting(ctx)
		if err != nil || w.Graves.Xorbs != 2 || w.Unused.Xorbs != 0 {
			t.Errorf("waiting: %+v %v", w, err)
		}
		if _, freed := collectXorbs(t, e, keep); freed.Xorbs != 2 || freed.Bytes < 400_000 || blobsOf(t, e) != 2 || e.Count(t, "xet_xorb") != 2 {
			t.Errorf("%+v, %d blobs, %d rows", freed, blobsOf(t, e), e.Count(t, "xet_xorb"))
		}
		if n := e.Count(t, "xet_chunk c WHERE NOT EXISTS (SELECT 1 FROM xet_xorb x WHERE x.hash = c.xorb)"); n != 0 {
			t.Errorf("%d chunks lead to xorbs that are gone", n)
		}
		if got := read(t, e, files[0], 0, files[0].Size); !bytes.Equal(got, Random(70, 200_000)) {
			t.Error("a file lost its content")
		}
	})
}

// A xorb that a client was told of may be named for weeks without asking.
func TestXorbHandedOutIsKept(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	data := Random(74, 400_000)
	put(t, e, alice, (&Client{}).Pack(t, data))
	age(t, e, 48*time.Hour)
	if _, found, err := e.Dedup(ctx, alice, Chunks(t, data)[0]); err != nil || !found {
		t.Fatal(found, err)
	}
	remove(t, e, "secret", shaOf(data))
	if buried, _ := collectXorbs(t, e, 24*time.Hour); buried.Xorbs != 0 {
		t.Error("a xorb that was handed out a moment ago was collected")
	}
}

// Blobs without rows are found by listing, when they are older than any upload.
func TestOrphanXorbsAreCollected(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		ingested(t, e, Random(75, 200_000))
		putXorbs(t, e, alice, (&Client{}).Pack(t, Random(76, 200_000)))
		if _, err := e.DB.Exec(ctx, "DELETE FROM xet_xorb WHERE NOT EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = hash)"); err != nil {
			t.Fatal(err)
		}
		if n, err := e.NoteOrphans(ctx, false); err != nil || n.Xorbs != 0 {
			t.Fatalf("young ones: %+v %v", n, err)
		}
		later := Later(t, e, xetstore.OrphanAge+time.Hour)
		if n, err := later.NoteOrphans(ctx, false); err != nil || n.Xorbs != 1 || n.Bytes < 200_000 {
			t.Fatalf("%+v %v", n, err)
		}
		if n, err := later.NoteOrphans(ctx, false); err != nil || n.Xorbs != 0 {
			t.Errorf("noted again: %+v %v", n, err)
		}
		if f, err := later.FreeXorbs(ctx); err != nil || f.Xorbs != 1 || blobsOf(t, e) != 1 {
			t.Errorf("%+v %v", f, err)
		}
	})
}

// Xorbs that no shard names count as unfinished, until a file is made of them.
func TestXorbsWithoutShardAreBounded(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	blobs := blobtest.FS(t)
	e := &Env{DB: d, Blobs: blobs, Store: xetstore.New(d, blobs, xetstore.Options{Unfinished: 500_000})}
	seeded(t, e)
	one, two, three := (&Client{}).Pack(t, Random(77, 300_000)), (&Client{}).Pack(t, Random(78, 300_000)), (&Client{}).Pack(t, Random(79, 300_000))
	putXorbs(t, e, alice, one)
	putXorbs(t, e, alice, two)
	x := three.Xorbs[0]
	if _, err := e.PutXorb(ctx, alice, x.Hash, bytes.NewReader(x.Body)); !errs.Is(err, errs.PaymentRequired) {
		t.Fatalf("a third: %v", err)
	}
	if err := e.PutShard(ctx, alice, bytes.NewReader(one.Bytes()), nil); err != nil {
		t.Fatal(err)
	}
	putXorbs(t, e, alice, three)
}

// A read that comes too late, with the index of the xorb in memory, meets a xorb that is gone, and no damage.
func TestReadAfterCollectionIsNoDamage(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Random(39, 300_000)
		f, err := e.Ingest(ctx, alice, bytes.NewReader(data), xetstore.Expect{Size: int64(len(data))})
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, e, f, 0, f.Size); !bytes.Equal(got, data) {
			t.Fatal("wrong bytes")
		}
		list, err := e.Blobs.List(ctx, "xorbs/", "", 0)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d xorbs: %v", len(list), err)
		}
		if _, err := e.DB.Exec(ctx, "DELETE FROM xet_xorb"); err != nil {
			t.Fatal(err)
		}
		if err := e.Blobs.Delete(ctx, list[0].Key); err != nil {
			t.Fatal(err)
		}
		for range 2 { // and once more without the index
			if err := e.WriteTo(ctx, io.Discard, f, 0, f.Size); err == nil || errors.Is(err, xet.ErrCorrupt) {
				t.Error(err)
			}
		}
	})
}
