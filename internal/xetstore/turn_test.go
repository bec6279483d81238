package xetstore_test

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// shortWait is long enough for a free place to be taken and short enough for a test.
const shortWait = 50 * time.Millisecond

// narrow is the same store with few places.
func narrow(e *Env) *Env {
	return &Env{DB: e.DB, Blobs: e.Blobs, Store: xetstore.New(e.DB, e.Blobs, xetstore.Options{
		Log: slog.New(slog.DiscardHandler), Uploads: 2, Hashes: 1, Wait: shortWait})}
}

// untouched is a body that nobody may read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body of an upload that is refused was read")
	return 0, io.ErrUnexpectedEOF
}

// Clients that send slowly may hold all places for as long as they like. Others were kept waiting without an answer.
func TestExcessUploadsAreRefused(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		e = narrow(e)
		carol := xetstore.Scope{UserID: "carol", RepoID: "open"}
		slow := Stall(t, e, alice, 100_000)
		Stall(t, e, mallory, 100_000)
		u := (&Client{}).Pack(t, Random(90, 100_000))
		refused := func(who string, sc xetstore.Scope) {
			t.Helper()
			_, ingest := e.Ingest(ctx, sc, untouched{t}, xetstore.Expect{Size: 1})
			_, part := e.PutPart(ctx, sc, xetstore.Part{Upload: hub.NewID(), Number: 1, Size: 1}, untouched{t})
			_, xorb := e.PutXorb(ctx, sc, u.Xorbs[0].Hash, untouched{t})
			for what, err := range map[string]error{"plain": ingest, "part": part, "xorb": xorb} {
				if !errs.Is(err, errs.Unavailable) {
					t.Errorf("%s, %s: %v", who, what, err)
				}
			}
		}
		refused("one more of a user with all of theirs", alice)
		refused("somebody else", carol)
		for _, table := range []string{"xet_xorb", "xet_xorb_upload", "xet_part", "xet_repo_file"} {
			if n := e.Count(t, table); n != 0 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
		if err := slow(); err != nil { // it took longer than others wait
			t.Fatal(err)
		}
		put(t, e, carol, u)
	})
}

// A shard or a completion that does not get its turn changes nothing either, and the next attempt goes on from there.
func TestExcessVerificationIsRefused(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		e = narrow(e)
		const size = 100_000
		upload, data := hub.NewID(), Random(91, 3*size)
		var tags []xetstore.PartTag
		for _, p := range []int{2, 3, 1} { // the first comes last, so that sums are left to do
			tags = append(tags, putPart(t, e, upload, p, data[(p-1)*size:p*size]))
		}
		let, holding, ended := make(chan struct{}), make(chan struct{}), make(chan error)
		const shards = 4 // at once
		for i := range shards {
			u := (&Client{}).Pack(t, Random(uint64(92+i), size))
			putXorbs(t, e, alice, u)
			go func() {
				first := true
				ended <- e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), func(int, int) {
					if first {
						first = false
						holding <- struct{}{}
						<-let
					}
				})
			}()
			<-holding
		}
		more := (&Client{}).Pack(t, Random(99, size))
		putXorbs(t, e, alice, more)
		if err := e.PutShard(ctx, alice, bytes.NewReader(more.Bytes()), nil); !errs.Is(err, errs.Unavailable) {
			t.Errorf("a fifth shard: %v", err)
		}
		close(let)
		for range shards {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if err := e.PutShard(ctx, alice, bytes.NewReader(more.Bytes()), nil); err != nil {
			t.Error(err)
		}

		hashing := (&Client{}).Pack(t, Random(100, size))
		putXorbs(t, e, mallory, hashing)
		let = make(chan struct{})
		go func() {
			first := true
			ended <- e.PutShard(ctx, mallory, bytes.NewReader(hashing.Bytes()), func(done, _ int) {
				if first && done > 0 {
					first = false
					holding <- struct{}{}
					<-let
				}
			})
		}()
		<-holding
		if _, err := completeParts(e, upload, tags, data, size); !errs.Is(err, errs.Unavailable) {
			t.Errorf("a completion: %v", err)
		}
		close(let)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := completeParts(e, upload, tags, data, size); err != nil {
			t.Error(err)
		}
	})
}
