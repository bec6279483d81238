package xetstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
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
