package xetstore_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// dying is a context that ends when it was looked at so many times.
type dying struct {
	context.Context
	left atomic.Int64
	die  context.CancelFunc
}

func dyingAfter(n int64) *dying {
	c, die := context.WithCancel(context.Background())
	d := &dying{Context: c, die: die}
	d.left.Store(n)
	return d
}

func (d *dying) Done() <-chan struct{} {
	if d.left.Add(-1) == 0 {
		d.die()
	}
	return d.Context.Done()
}

// pass is all that a collection does.
func pass(c context.Context, e *Env) error {
	steps := []func() error{
		func() error { return e.CollectParts(c, 0) },
		func() error { return e.Loosen(c) },
		func() error { _, err := e.RewriteThin(c, 0); return err },
		func() error { return e.Loosen(c) },
		func() error { _, err := e.CollectXorbs(c, 0, false); return err },
		func() error { _, err := e.NoteOrphans(c, false); return err },
		func() error { _, err := e.FreeXorbs(c); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// A collection that is cut off at any step leaves what files name, and the next one ends the work.
func TestCollectionIsCutOffAnywhere(t *testing.T) {
	finished := false
	for n := int64(1); !finished && n < 4000; n += 1 + n/3 {
		e := New(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
		_, content, _ := thinned(t, e, &Client{}) // a xorb of which little is left
		gone := ingested(t, e, Random(91, 300_000))[0]
		putXorbs(t, e, alice, (&Client{}).Pack(t, Random(92, 300_000)))
		if err := e.DB.Tx(ctx, func(tx *db.Tx) error { return e.GiveUp(ctx, tx, "secret", []xetstore.File{gone}, false) }); err != nil {
			t.Fatal(err)
		}
		age(t, e, time.Hour)
		d := dyingAfter(n)
		finished = pass(d, e) == nil
		d.die()
		check := func(e *Env, when string) {
			t.Helper()
			for _, id := range []string{"secret", "second"} {
				f, ok, err := e.FindFile(ctx, id, shaOf(content))
				var b bytes.Buffer
				if err == nil && ok {
					err = e.WriteTo(ctx, &b, f, 0, f.Size)
				}
				if !ok || err != nil || !bytes.Equal(b.Bytes(), content) {
					t.Fatalf("cut off at %d, %s: %v %v", n, when, ok, err)
				}
			}
		}
		check(e, "at once")
		check(Later(t, e, 0), "on another node")
		for _, ahead := range []time.Duration{3 * time.Hour, xetstore.OrphanAge + 48*time.Hour, xetstore.OrphanAge + 96*time.Hour} {
			if err := pass(ctx, Later(t, e, ahead)); err != nil {
				t.Fatal(err)
			}
		}
		check(Later(t, e, 0), "in the end")
		if blobs, rows := blobsOf(t, e), e.Count(t, "xet_xorb"); blobs != 1 || rows != 1 {
			t.Errorf("cut off at %d: %d blobs and %d rows are left, want the one that is named", n, blobs, rows)
		}
	}
	if !finished {
		t.Error("no collection was let to its end")
	}
}
