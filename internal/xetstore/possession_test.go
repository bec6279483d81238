package xetstore_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

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
