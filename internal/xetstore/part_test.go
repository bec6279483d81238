package xetstore_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// split is data in parts of a size.
func split(data []byte, size int) (parts [][]byte) {
	for len(data) > 0 {
		n := min(size, len(data))
		parts = append(parts, data[:n])
		data = data[n:]
	}
	return parts
}

func putPart(t testing.TB, e *Env, upload string, number int, data []byte) xetstore.PartTag {
	t.Helper()
	tag, err := e.PutPart(ctx, alice, xetstore.Part{Upload: upload, Number: number, Size: int64(len(data))}, bytes.NewReader(data))
	if err != nil {
		t.Fatalf("part %d: %v", number, err)
	}
	return xetstore.PartTag{Number: number, Tag: `"` + tag + `"`}
}

// sendParts sends all parts in an order of their indexes, several at a time.
func sendParts(t testing.TB, e *Env, upload string, parts [][]byte, order []int, atOnce int) []xetstore.PartTag {
	t.Helper()
	tags := make([]xetstore.PartTag, len(parts))
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for _, i := range order {
		turns <- struct{}{}
		wg.Go(func() {
			tags[i] = putPart(t, e, upload, i+1, parts[i])
			<-turns
		})
	}
	wg.Wait()
	return tags
}

func upTo(n int) (order []int) {
	for i := range n {
		order = append(order, i)
	}
	return order
}

func completeParts(e *Env, upload string, tags []xetstore.PartTag, data []byte, partSize int) (xetstore.File, error) {
	return e.CompleteParts(ctx, alice, upload, tags, shaOf(data), int64(len(data)), int64(partSize))
}

// Whatever the order of the parts and wherever their borders fall, the file is the one that a client would have made: same
// chunks, same hash.
func TestParts(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		mixed := Mixed(31, 3<<20+12345)
		for name, c := range map[string]struct {
			data []byte
			size int
		}{
			"mixed":             {mixed, 1 << 20},
			"odd":               {Mixed(32, 2<<20), 333_333},
			"smaller than cuts": {Mixed(33, 400_000), 5_000},
			"no cuts":           {bytes.Repeat([]byte{0}, 3<<20), 1<<20 - 1000},
			"one part":          {Mixed(34, 300_000), 1 << 20},
			"one byte over":     {Mixed(35, 1<<20+1), 1 << 20},
			"nothing":           {nil, 1 << 20},
		} {
			t.Run(name, func(t *testing.T) {
				parts := split(c.data, c.size)
				orders := map[string][]int{"in order": upTo(len(parts))}
				orders["backwards"] = slices.Clone(orders["in order"])
				slices.Reverse(orders["backwards"])
				orders["shuffled"] = rand.New(rand.NewPCG(1, 2)).Perm(len(parts))
				for order, list := range orders {
					if _, err := e.DB.Exec(ctx, "DELETE FROM xet_repo_file WHERE repo_id = ?", alice.RepoID); err != nil {
						t.Fatal(err)
					}
					upload := hub.NewID()
					tags := sendParts(t, e, upload, parts, list, 3)
					f, err := completeParts(e, upload, tags, c.data, c.size)
					if err != nil {
						t.Fatalf("%s: %v", order, err)
					}
					if !bytes.Equal(read(t, e, f, 0, f.Size), c.data) {
						t.Fatalf("%s: came back different", order)
					}
					if len(c.data) > 0 && (&Client{}).Pack(t, c.data).Shard.Files[0].Hash != f.Hash {
						t.Errorf("%s: a client gives the file another hash", order)
					}
					if again, err := completeParts(e, upload, tags, c.data, c.size); err != nil || again != f {
						t.Errorf("%s: completed again: %v %v", order, again, err)
					}
				}
				if n := e.Count(t, "xet_part") + e.Count(t, "xet_part_xorb"); n != 0 {
					t.Errorf("%d rows are left", n)
				}
			})
		}
	})
}

// A part that was not sent, or not as named, makes no file; nor do parts that are another object.
func TestPartLies(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		const size = 200_000
		data := Mixed(36, 3*size-7)
		parts := split(data, size)
		upload := hub.NewID()
		tags := sendParts(t, e, upload, parts, []int{0, 2}, 1)
		tags[1] = tags[0]
		refuse := func(what string, tags []xetstore.PartTag, data []byte) {
			t.Helper()
			if _, err := completeParts(e, upload, tags, data, size); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refuse("a missing part", []xetstore.PartTag{tags[0], tags[2]}, data)
		refuse("a missing part that is named", []xetstore.PartTag{tags[0], {Number: 2, Tag: tags[0].Tag}, tags[2]}, data)
		refuse("a doubled part", []xetstore.PartTag{tags[0], tags[0], tags[2]}, data)
		for what, body := range map[string]io.Reader{
			"short": bytes.NewReader(parts[1][1:]), "long": bytes.NewReader(append(slices.Clone(parts[1]), 0)), "endless": Stream(1),
		} {
			if _, err := e.PutPart(ctx, alice, xetstore.Part{Upload: upload, Number: 2, Size: size}, body); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s part: %v", what, err)
			}
		}
		tags[1] = putPart(t, e, upload, 2, parts[0]) // the wrong bytes
		refuse("swapped bytes", tags, data)
		wrong := tags[1]
		tags[1] = putPart(t, e, upload, 2, parts[1])
		refuse("the ETag of what was replaced", []xetstore.PartTag{tags[0], wrong, tags[2]}, data)
		refuse("swapped ETags", []xetstore.PartTag{tags[0], {Number: 2, Tag: tags[2].Tag}, {Number: 3, Tag: tags[1].Tag}}, data)
		refuse("a part more", append(slices.Clone(tags), xetstore.PartTag{Number: 4, Tag: tags[0].Tag}), data)
		refuse("no parts", nil, data)
		other := slices.Clone(data)
		other[5]++
		refuse("another hash", tags, other)
		refuse("another size", tags, data[:len(data)-1])
		if _, err := e.PutPart(ctx, alice, xetstore.Part{Upload: upload, Number: 0, Size: 1}, strings.NewReader("x")); !errs.Is(err, errs.Invalid) {
			t.Errorf("part 0: %v", err)
		}
		if n := e.Count(t, "xet_file") + e.Count(t, "xet_repo_file") + e.Count(t, "xet_chunk"); n != 0 {
			t.Errorf("%d rows of files", n)
		}
		slices.Reverse(tags)
		f, err := completeParts(e, upload, tags, data, size)
		if err != nil || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
			t.Errorf("the truth: %v", err)
		}
	})
}

// Of parts that come in order, or nearly, the sum is known when the last has come: completion reads nothing again.
func TestPartsAreSummedAsTheyCome(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	const size = 100_000
	data := Random(37, 12*size)
	parts := split(data, size)
	for name, order := range map[string][]int{"in order": upTo(12), "five at a time, the last first": {4, 3, 2, 1, 0, 9, 8, 7, 6, 5, 11, 10}} {
		upload := hub.NewID()
		tags := sendParts(t, e, upload, parts, order, 1)
		var known int
		if err := e.DB.Get(ctx, &known, "SELECT COUNT(*) FROM xet_part WHERE upload = ? AND sum IS NOT NULL", upload); err != nil {
			t.Fatal(err)
		}
		if known < 8 {
			t.Errorf("%s: the sum is known up to %d of 12 parts", name, known)
		}
		// A part that comes again with other bytes takes the sums after it with it.
		putPart(t, e, upload, 3, parts[7])
		if tag := putPart(t, e, upload, 3, parts[2]); tag != tags[2] {
			t.Errorf("%s: equal bytes got the tag %s, then %s", name, tags[2].Tag, tag.Tag)
		}
		putPart(t, e, upload, 12, parts[5])
		if _, err := completeParts(e, upload, tags, data, size); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		putPart(t, e, upload, 12, parts[11])
		if _, err := completeParts(e, upload, tags, data, size); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := e.DB.Exec(ctx, "DELETE FROM xet_repo_file WHERE repo_id = ?", alice.RepoID); err != nil {
			t.Fatal(err)
		}
	}
}

// What an abandoned upload brought goes away, rows and bytes; what others use of it stays.
func TestAbandonedPartsAreRemoved(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		const size = 300_000
		data := Random(38, 4*size)
		parts := split(data, size)
		blobs := func() int {
			t.Helper()
			list, err := e.Blobs.List(ctx, "xorbs/", "", 0)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		collect := func(age time.Duration) {
			t.Helper()
			if err := e.CollectParts(ctx, age); err != nil {
				t.Fatal(err)
			}
		}
		one, two, lives := hub.NewID(), hub.NewID(), hub.NewID()
		sendParts(t, e, one, parts[:2], upTo(2), 1)
		sendParts(t, e, two, parts[1:], upTo(3), 1)
		sendParts(t, e, lives, parts[3:], upTo(1), 1)
		if _, err := e.Ingest(ctx, alice, bytes.NewReader(parts[0]), xetstore.Expect{Size: size}); err != nil {
			t.Fatal(err)
		}
		collect(time.Hour)
		if n := blobs(); n != 4 {
			t.Fatalf("%d xorbs of uploads that are still young", n)
		}
		if _, err := e.DB.Exec(ctx, "UPDATE xet_part SET created_at = created_at - 7200000000 WHERE upload <> ?", lives); err != nil {
			t.Fatal(err)
		}
		if _, err := e.DB.Exec(ctx, "UPDATE xet_xorb SET touched_at = touched_at - 7200000000 WHERE NOT EXISTS (SELECT 1 FROM xet_repo_xorb r WHERE r.xorb = hash)"); err != nil {
			t.Fatal(err)
		}
		collect(time.Hour)
		if n := blobs(); n != 2 || e.Count(t, "xet_xorb") != 2 || e.Count(t, "xet_part") != 1 {
			t.Errorf("%d xorbs, %d rows of xorbs, %d parts; a file uses one xorb and a living upload another", n, e.Count(t, "xet_xorb"), e.Count(t, "xet_part"))
		}
		if f, ok, err := e.FindFile(ctx, "secret", shaOf(parts[0])); err != nil || !ok || !bytes.Equal(read(t, e, f, 0, size), parts[0]) {
			t.Errorf("the file that uses a part's xorb: %v %v", ok, err)
		}
	})
}

// slowDelete lets a test act while blobs are being removed.
type slowDelete struct {
	blob.Store
	during func()
}

func (s *slowDelete) Delete(c context.Context, key string) error {
	if s.during != nil && strings.HasPrefix(key, "xorbs/") {
		s.during()
	}
	return s.Store.Delete(c, key)
}

// A xorb that is stored anew while the collector removes the old one's blob would lose its bytes: its sender is told to send
// it again instead, and the next time it stays.
func TestCollectorDoesNotTakeWhatIsStoredAnew(t *testing.T) {
	slow := &slowDelete{Store: blobtest.FS(t)}
	d := dbtest.New(t, db.SQLite)
	var ahead time.Duration
	e := &Env{DB: d, Blobs: slow, Store: xetstore.New(d, slow, xetstore.Options{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return time.Now().Add(ahead) },
	})}
	seeded(t, e)
	data := Random(39, 300_000)
	again := func() error {
		_, err := e.Ingest(ctx, alice, bytes.NewReader(data), xetstore.Expect{Size: int64(len(data))})
		return err
	}
	putPart(t, e, hub.NewID(), 1, data)
	ahead = 48 * time.Hour
	tries := 0
	slow.during = func() {
		tries++
		if err := again(); !errs.Is(err, errs.Unavailable) {
			t.Errorf("stored while it is removed: %v", err)
		}
	}
	if err := e.CollectParts(ctx, 24*time.Hour); err != nil || tries != 1 {
		t.Fatalf("%v, %d blobs removed", err, tries)
	}
	slow.during = nil
	ahead += time.Hour
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if err := e.CollectParts(ctx, 0); err != nil {
		t.Fatal(err)
	}
	f, ok, err := e.FindFile(ctx, "secret", shaOf(data))
	if err != nil || !ok || !bytes.Equal(read(t, e, f, 0, f.Size), data) {
		t.Errorf("%v %v", ok, err)
	}
}

// A user's unfinished uploads are bounded, by what they take on the disk.
func TestUnfinishedPartsAreBounded(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	blobs := blobtest.FS(t)
	e := &Env{DB: d, Blobs: blobs, Store: xetstore.New(d, blobs, xetstore.Options{Unfinished: 1_000_000})}
	seeded(t, e)
	upload := hub.NewID()
	var err error
	n := 0
	for ; err == nil && n < 10; n++ {
		data := Random(uint64(40+n), 300_000)
		_, err = e.PutPart(ctx, alice, xetstore.Part{Upload: upload, Number: n + 1, Size: 300_000}, bytes.NewReader(data))
	}
	if !errs.Is(err, errs.PaymentRequired) || n != 5 {
		t.Errorf("after %d parts: %v", n, err)
	}
	if _, err := e.PutPart(ctx, mallory, xetstore.Part{Upload: hub.NewID(), Number: 1, Size: 1}, strings.NewReader("x")); err != nil {
		t.Errorf("another user: %v", err)
	}
}

// Parts go to any node: two stores on one database and one blob store make one file, and either completes it.
func TestPartsOnSeveralNodes(t *testing.T) {
	Each(t, func(t *testing.T, e *Env) {
		seeded(t, e)
		const size = 200_000
		data := Mixed(56, 5*size)
		nodes := []*Env{e, New(t, e.DB, e.Blobs)}
		upload := hub.NewID()
		var tags []xetstore.PartTag
		for i, part := range split(data, size) {
			tags = append(tags, putPart(t, nodes[i%2], upload, i+1, part))
		}
		var wg sync.WaitGroup
		for _, node := range nodes { // both at once, as when a proxy asks again
			wg.Go(func() {
				if _, err := completeParts(node, upload, tags, data, size); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		f, ok, err := e.FindFile(ctx, "secret", shaOf(data))
		if err != nil || !ok || !bytes.Equal(read(t, nodes[1], f, 0, f.Size), data) {
			t.Errorf("%v %v", ok, err)
		}
	})
}

// S7: a part that is sent again while the next one is on its way must not lend the object the SHA-256 of what it replaced.
func TestPartSentAgainDoesNotLendItsSum(t *testing.T) {
	e := sqliteFS(t)
	seeded(t, e)
	const size = 30_000
	one, other, two := Random(57, size), Random(58, size), Random(59, size)
	for round := range 20 {
		upload := hub.NewID()
		putPart(t, e, upload, 1, other)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 6 {
				putPart(t, e, upload, 1, [][]byte{one, other}[i%2])
			}
		})
		wg.Go(func() {
			for range 6 {
				putPart(t, e, upload, 2, two)
			}
		})
		wg.Wait()
		tags := []xetstore.PartTag{putPart(t, e, upload, 1, one), putPart(t, e, upload, 2, two)}
		if _, err := completeParts(e, upload, tags, slices.Concat(other, two), size); !errs.Is(err, errs.Invalid) {
			t.Fatalf("round %d: the sum of what was replaced: %v", round, err)
		}
		f, err := completeParts(e, upload, tags, slices.Concat(one, two), size)
		if err != nil || !bytes.Equal(read(t, e, f, 0, f.Size), slices.Concat(one, two)) {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := e.DB.Exec(ctx, "DELETE FROM xet_repo_file WHERE repo_id = ?", alice.RepoID); err != nil {
			t.Fatal(err)
		}
	}
}
