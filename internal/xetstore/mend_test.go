package xetstore_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// copyOf is a replica with the xorbs as they are now.
func copyOf(t *testing.T, e *Env, xorbs ...Xorb) blob.Store {
	t.Helper()
	replica := blobtest.FS(t)
	for _, x := range xorbs {
		b, err := blob.GetBytes(ctx, e.Blobs, XorbKey(x.Hash), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if err := blob.PutBytes(ctx, replica, XorbKey(x.Hash), b); err != nil {
			t.Fatal(err)
		}
	}
	return replica
}

// mend repairs one xorb, twice: the second run finds nothing to do.
func mend(t *testing.T, e *Env, h xet.Hash, want xetstore.How, replicas ...xetstore.Replica) {
	t.Helper()
	dry, err := e.NewMend(replicas, true).Xorb(ctx, h)
	if err != nil || dry.How != want {
		t.Errorf("dry run: %q, want %q: %v", dry.How, want, err)
	}
	if err := e.Verify(ctx, h, xetstore.Data); want != xetstore.WasSound && !errors.Is(err, xetstore.ErrDamaged) {
		t.Fatalf("a dry run changed something: %v", err)
	}
	for _, how := range []xetstore.How{want, xetstore.WasSound} {
		got, err := e.NewMend(replicas, false).Xorb(ctx, h)
		if err != nil || got.How != how {
			t.Fatalf("mended %q, want %q: %v", got.How, how, err)
		}
	}
	if err := e.Verify(ctx, h, xetstore.Data); err != nil || e.Damaged(t, h) {
		t.Errorf("after the repair: %v", err)
	}
}

// Each way in which a xorb can become whole again.
func TestMend(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		data := Mixed(21, 900_000)
		u := (&Client{}).Pack(t, data)
		put(t, e, alice, u)
		x := u.Xorbs[0]
		replica := copyOf(t, e, x)
		check := func() {
			t.Helper()
			f, _, err := e.FindFile(ctx, "secret", shaOf(data))
			e.Store = New(t, e.DB, e.Blobs).Store
			if err != nil || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
				t.Errorf("read: %v", err)
			}
		}
		e.Rot(t, x.Hash, -300)
		mend(t, e, x.Hash, xetstore.FromItself)
		check()
		e.Rot(t, x.Hash, 5000)
		mend(t, e, x.Hash, xetstore.FromReplica, replica)
		check()
		e.Rot(t, x.Hash, 5000)
		e.Rot(t, x.Hash, -300)
		mend(t, e, x.Hash, xetstore.FromReplica, replica)
		if err := e.Blobs.Delete(ctx, XorbKey(x.Hash)); err != nil {
			t.Fatal(err)
		}
		mend(t, e, x.Hash, xetstore.FromReplica, blobtest.FS(t), replica)
		check()
		// Damaged in different places, the two are still one whole xorb.
		e.Rot(t, x.Hash, 5000)
		rotten := copyOf(t, e, x)
		mend(t, e, x.Hash, xetstore.FromReplica, replica)
		e.Rot(t, x.Hash, len(x.Body)-100)
		mend(t, e, x.Hash, xetstore.FromReplica, rotten)
		check()
		// Marked, but whole.
		if err := e.MarkDamaged(ctx, x.Hash); err != nil {
			t.Fatal(err)
		}
		mend(t, e, x.Hash, xetstore.WasSound)
	})
}

// Chunks that other xorbs hold, too, are taken from there; files that need none of the missing ones are moved away; the
// others are lost, and say so until somebody sends them.
func TestSalvage(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		one, two := Mixed(22, 600_000), Mixed(23, 600_000)
		both := (&Client{}).PackTogether(t, one, two)
		put(t, e, alice, both)
		x := both.Xorbs[0]
		if len(both.Xorbs) != 1 {
			t.Fatal("the two files are not in one xorb")
		}
		e.Rot(t, x.Hash, 100) // in the first file's first chunk
		if err := e.MarkDamaged(ctx, x.Hash); err != nil {
			t.Fatal(err)
		}
		m := e.NewMend(nil, false)
		is, err := m.Xorb(ctx, x.Hash)
		if err != nil || is.How != "" || len(is.Missing) != 1 || is.Missing[0] != 0 {
			t.Fatalf("a xorb that lacks its first chunk: %+v %v", is, err)
		}
		if found, err := m.Search(ctx); err != nil {
			t.Fatal(found, err)
		}
		if is, err = m.Xorb(ctx, x.Hash); err != nil || is.How != "" {
			t.Fatalf("after a search: %+v %v", is, err)
		}
		moved, lost, err := m.Salvage(ctx, x.Hash, is)
		if err != nil || len(moved) != 1 || len(lost) != 1 || moved[0].SHA256 != shaOf(two) || lost[0].SHA256 != shaOf(one) {
			t.Fatalf("salvage: moved %v, lost %v: %v", moved, lost, err)
		}
		files, err := e.FindFiles(ctx, nil, "secret", []hub.SHA256{shaOf(one), shaOf(two)})
		if err != nil {
			t.Fatal(err)
		}
		if f := files[shaOf(two)]; !bytes.Equal(read(t, e, f, 0, f.Size), two) {
			t.Error("the file that was moved")
		}
		if isNew, err := e.Tombstone(ctx, x.Hash); err != nil || !isNew {
			t.Errorf("tombstone: %v %v", isNew, err)
		}
		gone, err := e.LostAmong(ctx, files)
		if err != nil || !gone[shaOf(one)] || gone[shaOf(two)] {
			t.Errorf("lost: %v %v", gone, err)
		}
		// The bytes turn up in another xorb of another repository.
		put(t, e, mallory, (&Client{MaxRaw: 200_000}).Pack(t, one))
		m = e.NewMend(nil, false)
		if _, err = m.Xorb(ctx, x.Hash); err != nil {
			t.Fatal(err)
		}
		if found, err := m.Search(ctx); err != nil || !found {
			t.Fatalf("search: %v %v", found, err)
		}
		if is, err = m.Xorb(ctx, x.Hash); err != nil || is.How != xetstore.FromOthers {
			t.Fatalf("from others: %+v %v", is, err)
		}
		if f := files[shaOf(one)]; !bytes.Equal(read(t, e, f, 0, f.Size), one) {
			t.Error("the file that was lost")
		}
		if gone, err := e.LostAmong(ctx, files); err != nil || len(gone) != 0 {
			t.Errorf("still lost: %v %v", gone, err)
		}
	})
}

// A file that is sent anew while a salvage is written was not moved, and one whose new xorb is collected at once is an error.
func TestSalvageCountsWhatItMoved(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	one, two := Mixed(22, 600_000), Mixed(23, 600_000)
	both := (&Client{}).PackTogether(t, one, two)
	put(t, e, alice, both)
	x := both.Xorbs[0]
	e.Rot(t, x.Hash, 100) // in the first file's first chunk
	salvage := func(during string) ([]xetstore.Affected, error) {
		t.Helper()
		racing := New(t, e.DB, &racingStore{Store: e.Blobs})
		m := racing.NewMend(nil, false)
		is, err := m.Xorb(ctx, x.Hash)
		if err != nil || len(is.Missing) != 1 {
			t.Fatalf("%+v %v", is, err)
		}
		racing.Blobs.(*racingStore).during = func() {
			if _, err := e.DB.Exec(ctx, during); err != nil {
				t.Error(err)
			}
		}
		moved, _, err := m.Salvage(ctx, x.Hash, is)
		return moved, err
	}
	// A trigger, since what is to be removed has a row only from the middle of the salvage on.
	if moved, err := salvage("CREATE TRIGGER collect AFTER INSERT ON xet_chunk BEGIN DELETE FROM xet_chunk WHERE xorb = NEW.xorb; DELETE FROM xet_xorb WHERE hash = NEW.xorb; END"); !errs.Is(err, errs.Unavailable) || len(moved) != 0 {
		t.Errorf("collected at once: %d moved, %v", len(moved), err)
	}
	if _, err := e.DB.Exec(ctx, "DROP TRIGGER collect"); err != nil {
		t.Fatal(err)
	}
	if moved, err := salvage("DELETE FROM xet_repo_file"); err != nil || len(moved) != 0 {
		t.Errorf("removed meanwhile: %d moved, %v", len(moved), err)
	}
}
