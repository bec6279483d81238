package xetstore_test

import (
	"bytes"
	"fmt"
	"io"
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
		for _, u := range []*Upload{u, unknown} {
			h := u.Shard.Files[0].Hash
			if _, found, err := e.ByHash(ctx, nil, "den", h); err != nil || found {
				t.Errorf("ByHash: %v %v", found, err)
			}
			f := xetstore.File{RepoID: "den", Hash: h, Size: int64(len(data))}
			if _, err := e.Reconstruct(ctx, f, 0, 10); err == nil || !errs.Is(err, errs.NotFound) {
				t.Errorf("reconstruct: %v", err)
			}
			if err := e.WriteTo(ctx, io.Discard, f, 0, 10); !errs.Is(err, errs.NotFound) {
				t.Errorf("read: %v", err)
			}
		}
		if m, err := e.FindFiles(ctx, nil, "den", []hub.SHA256{shaOf(data)}); err != nil || len(m) != 0 {
			t.Errorf("FindFiles: %v %v", m, err)
		}
	})
}

// A stranger who has the bytes of another's private file, cut as it is or otherwise, and uploads them through any door,
// gets the answers of somebody who is the first to bring them: none names what others have, nor how the file is made there.
func TestStrangerWithBytes(t *testing.T) {
	data := Mixed(31, 3<<20)
	pack := func(t *testing.T, maxRaw int) func(e *Env, out io.Writer) {
		return func(e *Env, out io.Writer) { sendAndTell(t, e, (&Client{MaxRaw: maxRaw}).Pack(t, data), out) }
	}
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		for name, send := range map[string]func(e *Env, out io.Writer){
			"same xorbs":  pack(t, 1<<20),
			"other xorbs": pack(t, 700_000),
			"ingest": func(e *Env, out io.Writer) {
				f, err := e.Ingest(ctx, mallory, bytes.NewReader(data), xetstore.Expect{Size: -1})
				fmt.Fprintln(out, f, err)
			},
		} {
			visit := func() string {
				var out strings.Builder
				e := New(t, e.DB, e.Blobs) // no cache tells
				send(e, &out)
				tell(t, e, data, &out)
				return out.String()
			}
			empty(t, e)
			first := visit()
			empty(t, e)
			put(t, e, alice, (&Client{MaxRaw: 1 << 20}).Pack(t, data))
			if second := visit(); second != first {
				t.Errorf("%s: the first to bring the bytes got\n%s\nthe second\n%s", name, first, second)
			}
			f, _, _ := e.FindFile(ctx, "secret", shaOf(data))
			if !bytes.Equal(read(t, New(t, e.DB, e.Blobs), f, 0, f.Size), data) {
				t.Errorf("%s: alice's file changed", name)
			}
		}
	})
}

// sendAndTell uploads as mallory and writes down all answers.
func sendAndTell(t *testing.T, e *Env, u *Upload, out io.Writer) {
	for _, x := range u.Xorbs {
		inserted, err := e.PutXorb(ctx, mallory, x.Hash, bytes.NewReader(x.Body))
		fmt.Fprintln(out, "xorb", x.Hash, inserted, err)
	}
	for range 2 {
		var did, of int // in how many steps depends on how far the hub got while the xorbs came
		err := e.PutShard(ctx, mallory, bytes.NewReader(u.Bytes()), func(done, total int) { did, of = done, total })
		fmt.Fprintln(out, "shard", did, of, err)
	}
}

// tell writes down what mallory can find out of a file, and what she got a right to.
func tell(t *testing.T, e *Env, data []byte, out io.Writer) {
	f, found, err := e.FindFile(ctx, "den", shaOf(data))
	fmt.Fprintln(out, "by SHA-256", f, found, err)
	f, found, err = e.ByHash(ctx, nil, "den", f.Hash)
	fmt.Fprintln(out, "by hash", f, found, err)
	plan, err := e.Reconstruct(ctx, f, 0, uint64(f.Size))
	fmt.Fprintln(out, "plan", plan, err)
	for _, h := range Chunks(t, data) {
		b, found, err := e.Dedup(ctx, mallory, h)
		fmt.Fprintln(out, "chunk", h, len(b), found, err)
		if found {
			s, err := xet.ParseShard(bytes.NewReader(b), xet.MaxShard)
			if err != nil {
				t.Fatal(err)
			}
			for i := range s.Xorbs {
				fmt.Fprintln(out, "\t", s.Xorbs[i].Hash)
			}
		}
	}
	var rights [][]byte
	if err := e.DB.Select(ctx, &rights, "SELECT xorb FROM xet_repo_xorb WHERE repo_id = 'den' ORDER BY xorb"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, "rights %x\n", rights)
	if !bytes.Equal(read(t, e, f, 0, f.Size), data) {
		t.Error("the stranger's own file came back different")
	}
}

// empty removes all that is stored.
func empty(t *testing.T, e *Env) {
	t.Helper()
	for _, q := range []string{"DELETE FROM xet_repo_file", "DELETE FROM xet_repo_xorb", "DELETE FROM xet_file", "DELETE FROM xet_xorb"} {
		if _, err := e.DB.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	list, err := e.Blobs.List(ctx, "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if err := e.Blobs.Delete(ctx, b.Key); err != nil {
			t.Fatal(err)
		}
	}
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

// A proof that opens one repository knows what came in by it, and not what its user sends to others; the user knows both.
func TestBoundScopeKnowsOneRepository(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		bound := xetstore.Scope{UserID: alice.UserID, RepoID: "second", Bound: true}
		elsewhere, here := (&Client{}).Pack(t, Mixed(61, 400_000)), (&Client{}).Pack(t, Mixed(62, 400_000))
		for _, row := range []struct {
			name string
			sc   xetstore.Scope
			u    *Upload
			want bool
		}{
			{"elsewhere, bound", bound, elsewhere, false},
			{"here, bound", bound, here, true},
			{"elsewhere, the user", alice, elsewhere, true},
			{"here, the user", alice, here, true},
			{"here, bound to another", xetstore.Scope{UserID: alice.UserID, RepoID: "secret", Bound: true}, here, false},
		} {
			empty(t, e)
			putXorbs(t, e, alice, elsewhere)
			putXorbs(t, e, bound, here)
			if _, found, err := e.StatXorb(ctx, row.sc, row.u.Xorbs[0].Hash); err != nil || found != row.want {
				t.Errorf("%s: %v, %v", row.name, found, err)
			}
			err := e.PutShard(ctx, row.sc, bytes.NewReader(row.u.Bytes()), nil)
			if (err == nil) != row.want || err != nil && !errs.Is(err, errs.Invalid) {
				t.Errorf("%s, shard: %v", row.name, err)
			}
		}
	})
}
