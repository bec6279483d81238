package xetstoretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Race has uploaders send again what others, and they themselves, have just let go of, while a collector that grants no grace
// runs all the time.
type Race struct {
	Uploaders, Rounds int // rounds of each uploader

	env     *Env
	ahead   atomic.Int64 // of the clock, in nanoseconds
	objects [][]byte

	Acknowledged, Refused, Missing atomic.Int64
	Collections, Rewritten         atomic.Int64
}

// Store makes the store that the race is run on, with the race's clock.
func (r *Race) Store(d *db.DB, blobs blob.Store) {
	r.env = &Env{xetstore.New(d, blobs, xetstore.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), ClockSkew: time.Millisecond, RewriteBelow: 90,
		Now: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }}), d, blobs}
}

// Run races, and fails the test if anything acknowledged is missing or garbage stays.
func (r *Race) Run(t *testing.T) {
	ctx := context.Background()
	for i := range 8 { // pairs share half of their bytes
		r.objects = append(r.objects, slices.Concat(Random(uint64(900+i/2), 120_000), Random(uint64(950+i), 120_000)))
	}
	collecting, stop := context.WithCancel(ctx)
	var collector, uploaders sync.WaitGroup
	for _, part := range []func(context.Context) error{r.give, r.rewrite, r.free, r.free} { // two nodes free at once
		collector.Go(func() {
			for collecting.Err() == nil {
				if err := part(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	kept := make([]map[int]xetstore.File, r.Uploaders)
	for i := range r.Uploaders {
		sc := xetstore.Scope{UserID: fmt.Sprint("user", i%4), RepoID: fmt.Sprint("repo", i), Owners: []string{fmt.Sprint("user", i%4)}}
		r.env.Repo(t, sc.RepoID, sc.UserID, "private")
		kept[i] = map[int]xetstore.File{}
		uploaders.Go(func() { r.upload(ctx, t, sc, kept[i], rand.New(rand.NewPCG(7, uint64(i)))) })
	}
	uploaders.Wait()
	stop()
	collector.Wait()
	r.settle(ctx, t)
	for i := range kept {
		r.check(ctx, t, kept[i])
	}
	t.Logf("%d uploads acknowledged, %d refused, %d objects missing, %d collections, %d xorbs written again", r.Acknowledged.Load(), r.Refused.Load(), r.Missing.Load(), r.Collections.Load(), r.Rewritten.Load())
}

// collect is one pass.
func (r *Race) collect(ctx context.Context) error {
	return errors.Join(r.give(ctx), r.free(ctx))
}

// give ends the rights to what repositories gave up, and what nobody goes on with.
func (r *Race) give(ctx context.Context) error {
	return errors.Join(r.env.Loosen(ctx), r.env.CollectParts(ctx, 0))
}

// rewrite writes xorbs again of which little is left.
func (r *Race) rewrite(ctx context.Context) error {
	done, err := r.env.RewriteThin(ctx, 0)
	r.Rewritten.Add(int64(done.Xorbs))
	return err
}

// free collects xorbs.
func (r *Race) free(ctx context.Context) error {
	_, err := r.env.CollectXorbs(ctx, 0, false)
	if err == nil {
		_, err = r.env.NoteOrphans(ctx, false)
	}
	if err == nil {
		_, err = r.env.FreeXorbs(ctx)
	}
	r.Collections.Add(1)
	return err
}

func (r *Race) upload(ctx context.Context, t *testing.T, sc xetstore.Scope, kept map[int]xetstore.File, rnd *rand.Rand) {
	for range r.Rounds {
		n := rnd.IntN(len(r.objects))
		f, err := r.send(ctx, t, sc, r.objects[n], rnd.IntN(3))
		switch {
		case errs.Is(err, errs.Unavailable), errs.Is(err, errs.Invalid), errs.Is(err, errs.Conflict):
			r.Refused.Add(1)
			continue
		case err != nil:
			t.Errorf("an upload failed: %v", err)
			continue
		}
		r.Acknowledged.Add(1)
		kept[n] = f
		r.check(ctx, t, kept)
		if rnd.IntN(4) > 0 {
			at := rnd.IntN(2)
			err := r.env.DB.Tx(ctx, func(tx *db.Tx) error {
				if at == 0 {
					return r.env.Remove(ctx, tx, sc.RepoID, []xetstore.File{f})
				}
				return r.env.GiveUp(ctx, tx, sc.RepoID, []xetstore.File{f}, false)
			})
			if err != nil {
				t.Error(err)
			}
			delete(kept, n)
		}
	}
}

// send uploads an object in one of three ways.
func (r *Race) send(ctx context.Context, t *testing.T, sc xetstore.Scope, data []byte, way int) (xetstore.File, error) {
	sum := hub.SHA256(sha256.Sum256(data))
	size := int64(len(data))
	switch way {
	case 0:
		u := (&Client{MaxRaw: 1 << 20}).Pack(t, data)
		for _, x := range u.Xorbs {
			if _, err := r.env.PutXorb(ctx, sc, x.Hash, bytes.NewReader(x.Body)); err != nil {
				return xetstore.File{}, err
			}
		}
		if err := r.env.PutShard(ctx, sc, bytes.NewReader(u.Bytes()), nil); err != nil {
			return xetstore.File{}, err
		}
		f, ok, err := r.env.FindFile(ctx, sc.RepoID, sum)
		if err == nil && !ok {
			err = fmt.Errorf("the file of a registered shard is not there")
		}
		return f, err
	case 1:
		upload, half := hub.NewID(), size/2
		var tags []xetstore.PartTag
		for i, part := range [][]byte{data[:half], data[half:]} {
			tag, err := r.env.PutPart(ctx, sc, xetstore.Part{Upload: upload, Number: i + 1, Size: int64(len(part))}, bytes.NewReader(part))
			if err != nil {
				return xetstore.File{}, err
			}
			tags = append(tags, xetstore.PartTag{Number: i + 1, Tag: tag})
		}
		return r.env.CompleteParts(ctx, sc, upload, tags, sum, size, half)
	}
	return r.env.Ingest(ctx, sc, bytes.NewReader(data), xetstore.Expect{SHA256: &sum, Size: size})
}

// check reads all that an uploader has.
func (r *Race) check(ctx context.Context, t *testing.T, kept map[int]xetstore.File) {
	for n, f := range kept {
		var b bytes.Buffer
		if err := r.env.WriteTo(ctx, &b, f, 0, f.Size); err != nil || !bytes.Equal(b.Bytes(), r.objects[n]) {
			r.Missing.Add(1)
			t.Errorf("object %d was acknowledged and is not there: %v", n, err)
		}
	}
}

// settle lets what is left grow old, and looks for what two passes leave.
func (r *Race) settle(ctx context.Context, t *testing.T) {
	before, _ := r.garbage(ctx, t)
	r.ahead.Store(int64(xetstore.OrphanAge + time.Hour))
	for range 2 {
		if err := r.collect(ctx); err != nil {
			t.Fatal(err)
		}
	}
	after, live := r.garbage(ctx, t)
	if after*100 > before {
		t.Errorf("of %d blobs that nothing names %d are left", before, after)
	}
	t.Logf("%d blobs that nothing names before, %d after two passes; %d live", before, after, live)
}

// garbage counts blobs that no repository is made of, and those that one is.
func (r *Race) garbage(ctx context.Context, t *testing.T) (dead, live int) {
	list, err := r.env.Blobs.List(ctx, "xorbs/", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.env.DB.Get(ctx, &live, "SELECT COUNT(DISTINCT xorb) FROM xet_repo_xorb"); err != nil {
		t.Fatal(err)
	}
	if live > len(list) {
		t.Errorf("%d xorbs are named, and %d blobs are there", live, len(list))
	}
	return len(list) - live, live
}
