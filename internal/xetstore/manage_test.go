package xetstore_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// ingested stores files for alice's repository and gives them.
func ingested(t *testing.T, e *Env, contents ...[]byte) []xetstore.File {
	t.Helper()
	out := make([]xetstore.File, len(contents))
	for i, c := range contents {
		sum := hub.SHA256(sha256.Sum256(c))
		f, err := e.Ingest(ctx, alice, bytes.NewReader(c), xetstore.Expect{Size: int64(len(c)), SHA256: &sum})
		if err != nil {
			t.Fatal(err)
		}
		out[i] = f
	}
	return out
}

func remove(t *testing.T, e *Env, repoID string, ids ...hub.SHA256) {
	t.Helper()
	err := e.DB.Tx(ctx, func(tx *db.Tx) error {
		files, unknown, err := e.Known(ctx, tx, repoID, ids)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			t.Errorf("unknown: %v", unknown)
		}
		return e.Remove(ctx, tx, repoID, files)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rights(t *testing.T, e *Env, repoID string) (n int) {
	t.Helper()
	if err := e.DB.Get(ctx, &n, "SELECT COUNT(*) FROM xet_repo_xorb WHERE repo_id = ?", repoID); err != nil {
		t.Fatal(err)
	}
	return n
}

// A file that goes takes the right to its own xorbs with it, and to none that another file is made of.
func TestRemoveKeepsWhatIsShared(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		shared := Random(1, 3<<20)
		first, second := append(bytes.Clone(shared), Random(2, 1<<20)...), append(bytes.Clone(shared), Random(3, 1<<20)...)
		files := ingested(t, e, first, second, Random(4, 1<<20))
		var copied []xetstore.File
		if err := e.DB.Tx(ctx, func(tx *db.Tx) error { return e.Link(ctx, tx, "den", files[:1]) }); err != nil {
			t.Fatal(err)
		}
		found, err := e.FindFiles(ctx, nil, "den", []hub.SHA256{files[0].SHA256})
		if err != nil {
			t.Fatal(err)
		}
		copied = append(copied, found[files[0].SHA256])
		before := rights(t, e, alice.RepoID)

		remove(t, e, alice.RepoID, files[0].SHA256)
		if _, ok, err := e.FindFile(ctx, alice.RepoID, files[0].SHA256); ok || err != nil {
			t.Errorf("the removed file is found: %v", err)
		}
		var b bytes.Buffer
		if err := e.WriteTo(ctx, &b, files[0], 0, files[0].Size); err == nil {
			t.Error("the removed file is read")
		}
		for name, f := range map[string]xetstore.File{"another": files[1], "a copy": copied[0]} {
			b.Reset()
			if err := e.WriteTo(ctx, &b, f, 0, f.Size); err != nil || sha256.Sum256(b.Bytes()) != f.SHA256 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := rights(t, e, alice.RepoID); after != before { // the second file is made of the first one's xorb
			t.Errorf("rights to %d xorbs, then to %d", before, after)
		}
		if remove(t, e, alice.RepoID, files[2].SHA256); rights(t, e, alice.RepoID) != before-1 {
			t.Errorf("rights to %d xorbs, then, without a file that shares nothing, to %d", before, rights(t, e, alice.RepoID))
		}
		if gone, err := e.Gone(ctx, alice.RepoID, files[0].SHA256); !gone || err != nil {
			t.Errorf("not known for deleted: %v", err)
		}
		if gone, _ := e.Gone(ctx, "den", files[0].SHA256); gone {
			t.Error("deleted elsewhere, too")
		}
		remove(t, e, alice.RepoID, files[0].SHA256, files[1].SHA256) // one of them again
		if n := rights(t, e, alice.RepoID); n != 0 {
			t.Errorf("without files the right to %d xorbs is left", n)
		}
	})
}

func TestStoredPages(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		files := ingested(t, e, Random(1, 1000), Random(2, 2000), Random(3, 3000), Random(4, 4000))
		name := func(ref string, list ...xetstore.Named) error {
			return e.DB.Tx(ctx, func(tx *db.Tx) error { return e.Name(ctx, tx, alice.RepoID, ref, "u1", list) })
		}
		if err := name("refs/heads/main", xetstore.Named{Hash: files[0].Hash, Path: "a"}, xetstore.Named{Hash: files[0].Hash, Path: "b"}); err != nil {
			t.Fatal(err)
		}
		if err := name("refs/heads/x", xetstore.Named{Hash: files[0].Hash, Path: "c"}, xetstore.Named{Hash: files[1].Hash, Path: "d"}); err != nil {
			t.Fatal(err)
		}
		if err := name("refs/heads/x", xetstore.Named{Hash: files[0].Hash}, xetstore.Named{Hash: [32]byte{1}, Path: "none"}); !errs.Is(err, errs.Invalid) {
			t.Errorf("a file that is not there: %v", err)
		}
		var got []string
		var sizes []int64
		for place, more := (xetstore.Place{}), true; more; {
			page, err := e.Stored(ctx, alice.RepoID, place, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page {
				got, sizes = append(got, f.Path+" "+f.Ref), append(sizes, f.Size)
				place = xetstore.Place{Since: f.Since, Hash: f.Hash}
				if time.Since(f.Since) > time.Hour {
					t.Errorf("since %s", f.Since)
				}
			}
			more = len(page) == 3
		}
		if !slices.Equal(sizes, []int64{4000, 3000, 2000, 1000}) || !slices.Equal(got, []string{" ", " ", "d refs/heads/x", "a refs/heads/main"}) {
			t.Errorf("%v %v", sizes, got)
		}
	})
}

// A file that came by Xet without a SHA-256 is named by its Xet hash.
func TestUnhashedFileIsRemovedByItsXetHash(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		u := (&Client{}).Pack(t, Mixed(9, 1<<20))
		u.Shard.Files[0].SHA256 = nil
		put(t, e, alice, u)
		hash := u.Shard.Files[0].Hash
		remove(t, e, alice.RepoID, hub.SHA256(hash.SHA256()))
		if _, ok, err := e.ByHash(ctx, nil, alice.RepoID, hash); ok || err != nil {
			t.Errorf("still there: %v", err)
		}
	})
}
