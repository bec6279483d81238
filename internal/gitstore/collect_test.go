package gitstore_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// copyRepo makes a copy of the fixture's repository.
func (f *fixture) copyRepo(id string) {
	f.t.Helper()
	c, err := f.s.PrepareCopy(f.ctx, f.id, id)
	f.ok(err)
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.CopyRepo(f.ctx, tx, c) }))
}

// move moves refs without a pack.
func (f *fixture) move(ups ...gitstore.RefUpdate) error {
	return f.s.Publish(f.ctx, f.id, nil, ups, func(*db.Tx) error { return nil })
}

func (f *fixture) collect(before time.Time) gitstore.Collected {
	f.t.Helper()
	done, err := f.s.Collect(f.ctx, f.id, before)
	f.ok(err)
	return done
}

// soon is after everything that was done so far.
func soon() time.Time { return time.Now().Add(time.Second) }

// blobKeys are all blobs of packs, in order.
func (f *fixture) blobKeys() []string {
	f.t.Helper()
	list, err := f.blobs.List(f.ctx, "git/", "", 1000)
	f.ok(err)
	var keys []string
	for _, b := range list {
		keys = append(keys, b.Key)
	}
	return keys
}

// named are the blobs that rows of repositories name.
func (f *fixture) named(ids ...string) []string {
	f.t.Helper()
	var all []string
	for _, id := range append(ids, f.id) {
		var keys []string
		f.ok(f.db.Select(f.ctx, &keys, `SELECT pack_key FROM git_pack WHERE repo_id = ? AND pack_key <> ''`, id))
		for _, k := range keys {
			all = append(all, strings.TrimSuffix(k, ".pack")+".cat", k)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// incompressible is text that stays as large when it is packed.
func incompressible(seed uint64, n int) string {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return string(b)
}

// Blobs of folded packs and of deleted repositories go, unless another repository has them.
func TestFoldedBlobsAreFreed(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		for i := range 6 {
			f.commit(files{fmt.Sprintf("f%d", i): incompressible(uint64(i), 3000)})
		}
		before := f.blobKeys()
		other := hub.NewID()
		f.copyRepo(other)
		if ok, err := f.s.Fold(f.ctx, f.id); !ok || err != nil {
			f.t.Fatalf("no fold: %v", err)
		}
		free := func(since time.Time) gitstore.Freed {
			f.t.Helper()
			freed, err := f.s.FreeBlobs(f.ctx, since)
			f.ok(err)
			return freed
		}
		if n := free(time.Now().Add(-time.Hour)); n.Packs != 0 {
			f.t.Errorf("%d packs were freed before their time", n.Packs)
		}
		if n := free(soon()); n.Packs != 0 || !slices.Equal(f.blobKeys(), f.named(other)) {
			f.t.Errorf("%d packs were freed that a copy names", n.Packs)
		}
		f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.DeleteRepo(f.ctx, tx, other) }))
		n := free(soon())
		if n.Packs != len(before)/2 || n.Bytes < 6*3000 {
			f.t.Errorf("freed %+v, want the %d packs before the fold", n, len(before)/2)
		}
		if keys := f.blobKeys(); !slices.Equal(keys, f.named()) || len(keys) != 2 {
			f.t.Errorf("left: %v, named: %v", keys, f.named())
		}
		gitIn(f.t, f.bare(), nil, "fsck", "--strict")
		f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.DeleteRepo(f.ctx, tx, f.id) }))
		if free(soon()); len(f.blobKeys()) != 0 {
			f.t.Errorf("left of a deleted repository: %v", f.blobKeys())
		}
		if g, err := f.s.Garbage(f.ctx); err != nil || g.Packs != 0 {
			f.t.Errorf("still noted: %+v %v", g, err)
		}
	})
}

// What a writer wrote before it died is found by looking through the store.
func TestOrphansAreFound(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		f.commit(files{"kept": incompressible(1, 5000)})
		w := f.s.NewPack(f.ctx, f.id)
		_, err := w.AddBlob(f.ctx, 5000, strings.NewReader(incompressible(2, 5000)))
		f.ok(err)
		_, err = w.Finish(f.ctx) // and dies here
		f.ok(err)
		f.ok(blob.PutBytes(f.ctx, f.blobs, "git/x/half.pack", []byte("died between pack and catalog")))
		if n, err := f.s.NoteOrphans(f.ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
			f.t.Errorf("%d young orphans, %v", n, err)
		}
		for range 2 { // the second time they are noted already
			if n, err := f.s.NoteOrphans(f.ctx, soon()); n != 2 || err != nil {
				f.t.Errorf("%d orphans, %v", n, err)
			}
		}
		freed, err := f.s.FreeBlobs(f.ctx, soon())
		if err != nil || freed.Packs != 2 || freed.Bytes < 5000 {
			f.t.Errorf("%+v %v", freed, err)
		}
		if keys := f.blobKeys(); !slices.Equal(keys, f.named()) || len(keys) != 2 {
			f.t.Errorf("left: %v, named %v", keys, f.named())
		}
	})
}

// twoBranches makes two branches that share their first commits; side has objects of its own in small and large packs.
func (f *fixture) twoBranches() (kept, lost hub.OID) {
	f.t.Helper()
	base := f.commit(files{"a": "1", "big": incompressible(1, 5000), "d/x": "shared"})
	f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", New: base}))
	for i := range 3 {
		var err error
		lost, err = f.try("refs/heads/side", files{fmt.Sprintf("secret/%d", i): "secret" + fmt.Sprint(i), "large": incompressible(uint64(10+i), 4000)})
		f.ok(err)
		kept = f.commit(files{fmt.Sprintf("m%d", i): fmt.Sprint("main", i), "large": incompressible(uint64(20+i), 4000)})
	}
	return kept, lost
}

func (f *fixture) objects() string {
	f.t.Helper()
	dir := f.bare()
	if out := gitIn(f.t, dir, nil, "fsck", "--strict", "--full", "--no-dangling"); out != "" {
		f.t.Errorf("fsck: %s", out)
	}
	return gitIn(f.t, dir, nil, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
}

// reachable is what git itself finds reachable.
func (f *fixture) reachable() string {
	f.t.Helper()
	list := strings.Fields(gitIn(f.t, f.bare(), nil, "rev-list", "--objects", "--all", "--no-object-names"))
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// What no ref reaches goes when its time has come, exactly that, and its bytes with it.
func TestCollect(t *testing.T) {
	for _, folded := range []bool{false, true} {
		t.Run(fmt.Sprintf("folded=%v", folded), func(t *testing.T) {
			each(t, smallOptions, func(f *fixture) {
				_, lost := f.twoBranches()
				if folded {
					for ok := true; ok; {
						var err error
						ok, err = f.s.Fold(f.ctx, f.id)
						f.ok(err)
					}
				}
				if done := f.collect(soon()); done.Objects != 0 {
					f.t.Errorf("collected %+v while all is reached", done)
				}
				dropped := time.Now()
				f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", Old: lost}))
				if ids, err := f.s.NeedsCollect(f.ctx, dropped.Add(-time.Hour), "", 10); err != nil || len(ids) != 0 {
					f.t.Errorf("to be collected before its time: %v %v", ids, err)
				}
				if done := f.collect(dropped.Add(-time.Second)); done.Objects != 0 || !f.open().Has(lost) {
					f.t.Errorf("collected before its time: %+v", done)
				}
				if ids, err := f.s.NeedsCollect(f.ctx, soon(), "", 10); err != nil || len(ids) != 1 {
					f.t.Errorf("to be collected: %v %v", ids, err)
				}
				old := f.open()
				done := f.collect(soon())
				if want := 3 + 3 + 3 + 3 + 3; done.Objects != want { // commits, roots, folders, two files each
					f.t.Errorf("collected %+v, want %d objects", done, want)
				}
				if got, want := f.objects(), f.reachable(); got != want {
					f.t.Errorf("left:\n%s\nreachable:\n%s", got, want)
				}
				if f.open().Has(lost) {
					f.t.Error("the branch is still there")
				}
				if _, err := old.Resolve(f.ctx, f.db, lost.String()); !errs.Is(err, errs.NotFound) {
					f.t.Errorf("an old view finds it: %v", err)
				}
				if ids, err := f.s.NeedsCollect(f.ctx, soon(), "", 10); err != nil || len(ids) != 0 {
					f.t.Errorf("still to be collected: %v %v", ids, err)
				}
				_, err := f.s.FreeBlobs(f.ctx, soon())
				f.ok(err)
				if !slices.Equal(f.blobKeys(), f.named()) {
					f.t.Errorf("blobs %v, named %v", f.blobKeys(), f.named())
				}
				f.commit(files{"after": "it goes on", "secret/0": "secret0"})
				f.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir()})
				if got, want := f.objects(), f.reachable(); got != want {
					f.t.Errorf("afterwards left:\n%s\nreachable:\n%s", got, want)
				}
			})
		})
	}
}

// A branch that was deleted or forced away a moment ago keeps its objects; one that came back keeps them for good.
func TestCollectKeepsWhatCameBack(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		kept, lost := f.twoBranches()
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", Old: lost}))
		before := time.Now()
		time.Sleep(2 * time.Millisecond)
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/tags/again", New: lost}))
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/tags/again", Old: lost})) // younger than what is collected
		if done := f.collect(before); done.Objects != 0 || !f.open().Has(lost) {
			f.t.Errorf("collected %+v", done)
		}
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/tags/again", New: lost}, gitstore.RefUpdate{Name: "refs/heads/other", New: kept}))
		if done := f.collect(soon()); done.Objects != 0 || !f.open().Has(lost) {
			f.t.Errorf("collected %+v", done)
		}
		if got, want := f.objects(), f.reachable(); got != want {
			f.t.Errorf("left:\n%s\nreachable:\n%s", got, want)
		}
	})
}

// A change that builds on what was collected meanwhile does not land, and what is sent anew does.
func TestCollectedIsNotBuiltOn(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		_, lost := f.twoBranches()
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", Old: lost}))
		// The blob is in the repository, so the pack has none.
		r, tip := f.open(), f.tip(main)
		w := f.s.NewPack(f.ctx, f.id)
		oid, err := w.AddBlob(f.ctx, 7, strings.NewReader("secret1"))
		f.ok(err)
		if w.Len() != 0 {
			f.t.Fatal("the blob was written again")
		}
		root, err := r.EditTree(f.ctx, w, f.tree(tip), []gitstore.Edit{{Path: "s", Mode: git.ModeFile, OID: oid}})
		f.ok(err)
		who := git.Signature{Name: "C", Email: "c@x", When: time.Unix(1, 0)}
		c := git.Commit{Tree: root, Parents: []hub.OID{tip}, Author: who, Committer: who, Message: "m\n"}
		commit, err := w.AddBytes(git.KindCommit, c.Encode())
		f.ok(err)
		p, err := w.Finish(f.ctx)
		f.ok(err)
		if done := f.collect(soon()); done.Objects == 0 {
			f.t.Fatal("nothing was collected")
		}
		publish := func() error {
			return f.s.Publish(f.ctx, f.id, []*gitstore.Pack{p}, []gitstore.RefUpdate{{Name: main, Old: tip, New: commit}}, func(*db.Tx) error { return nil })
		}
		if err := publish(); !errs.Is(err, errs.Unavailable) {
			f.t.Errorf("a commit without its file landed: %v", err)
		}
		if err := f.move(gitstore.RefUpdate{Name: "refs/heads/back", New: lost}); !errs.Is(err, errs.Unavailable) {
			f.t.Errorf("a branch of a collected commit: %v", err)
		}
		f.commit(files{"s": "secret1"})
		if got, want := f.objects(), f.reachable(); got != want {
			f.t.Errorf("left:\n%s\nreachable:\n%s", got, want)
		}
	})
}

// A change that was prepared before a collection and builds on nothing that went lands after it.
func TestPreparedBeforeACollection(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		_, lost := f.twoBranches()
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", Old: lost}))
		tip, r := f.tip(main), f.open()
		for i, size := range []int{10, 9000} {
			w := f.s.NewPack(f.ctx, f.id)
			oid, err := w.AddBlob(f.ctx, int64(size), strings.NewReader(incompressible(uint64(90+i), size)))
			f.ok(err)
			root, err := r.EditTree(f.ctx, w, f.tree(tip), []gitstore.Edit{{Path: "new/file", Mode: git.ModeFile, OID: oid}})
			f.ok(err)
			who := git.Signature{Name: "C", Email: "c@x", When: time.Unix(1, 0)}
			c := git.Commit{Tree: root, Parents: []hub.OID{tip}, Author: who, Committer: who, Message: fmt.Sprint(i)}
			commit, err := w.AddBytes(git.KindCommit, c.Encode())
			f.ok(err)
			p, err := w.Finish(f.ctx)
			f.ok(err)
			if i == 0 {
				f.collect(soon())
			}
			f.ok(f.s.Publish(f.ctx, f.id, []*gitstore.Pack{p}, []gitstore.RefUpdate{{Name: fmt.Sprint("refs/heads/p", i), New: commit}}, func(*db.Tx) error { return nil }))
		}
		if got, want := f.objects(), f.reachable(); got != want {
			f.t.Errorf("left:\n%s\nreachable:\n%s", got, want)
		}
	})
}

// S28: who copies a repository does not get what was taken out of it.
func TestCopyHasNothingUnreachable(t *testing.T) {
	each(t, smallOptions, func(f *fixture) {
		_, lost := f.twoBranches()
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/heads/side", Old: lost}))
		original, copied := f.id, hub.NewID()
		f.copyRepo(copied)
		f.id = copied
		if f.open().Has(lost) {
			f.t.Error("the copy has the lost commit")
		}
		if err := f.move(gitstore.RefUpdate{Name: "refs/heads/back", New: lost}); err == nil {
			f.t.Error("the copy's owner brought the lost commit back")
		}
		if got, want := f.objects(), f.reachable(); got != want {
			f.t.Errorf("copied:\n%s\nreachable:\n%s", got, want)
		}
		f.id = original
		if !f.open().Has(lost) {
			f.t.Error("the original lost it before its time")
		}
		f.id = copied
		f.commit(files{"more": "x"})
		gitIn(f.t, f.bare(), nil, "fsck", "--strict")

		// A copy that was prepared before a ref left does not become one.
		f.id = original
		c, err := f.s.PrepareCopy(f.ctx, f.id, hub.NewID())
		f.ok(err)
		f.ok(f.move(gitstore.RefUpdate{Name: "refs/tags/t", New: lost}))
		err = f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.CopyRepo(f.ctx, tx, c) })
		if !gitstore.HasMoved(err) {
			f.t.Errorf("a copy of what was before: %v", err)
		}
		f.s.Drop(f.ctx, c)
	})
}

// F10: collections and folds with no grace at all run against writers that add again what was just taken away; nothing
// that was acknowledged goes missing.
func TestCollectAgainstUploadsOfTheSame(t *testing.T) {
	rounds := 25
	each(t, smallOptions, func(f *fixture) {
		f.commit(files{"start": "x"})
		var wg, work sync.WaitGroup
		stop := make(chan struct{})
		refused := make([]int, 4)
		for n := range 4 {
			node := *f
			if n%2 == 1 {
				node.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir(), InlineMax: 2000, FoldAt: 4})
			}
			work.Go(func() {
				ref := fmt.Sprintf("refs/heads/w%d", n)
				for i := range rounds {
					for {
						tip, _, err := node.s.Ref(node.ctx, node.db, node.id, ref)
						if err == nil && !tip.IsZero() && i%2 == 0 { // all that it has goes out of reach
							err = node.move(gitstore.RefUpdate{Name: ref, Old: tip})
						}
						if err == nil {
							// What all writers write and take away: small and large.
							_, err = node.try(ref, files{"same": "same", "large": incompressible(uint64(i%3), 4000), "d/own": fmt.Sprint(n, i)})
						}
						if err == nil {
							break
						}
						if !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Unavailable) {
							f.t.Errorf("writer %d: %v", n, err)
							return
						}
						refused[n]++
					}
				}
			})
		}
		collected := 0
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				done, err := f.s.Collect(f.ctx, f.id, time.Now())
				collected += done.Objects
				if err == nil {
					_, err = f.s.FreeBlobs(f.ctx, time.Now())
				}
				if err == nil {
					_, err = f.s.Fold(f.ctx, f.id)
				}
				if err != nil && !errs.Is(err, errs.Unavailable) {
					f.t.Errorf("collector: %v", err)
					return
				}
			}
		})
		work.Wait()
		close(stop)
		wg.Wait()
		if collected == 0 {
			f.t.Error("nothing was collected")
		}
		f.s = gitstore.New(f.db, f.blobs, gitstore.Options{CacheDir: f.t.TempDir()})
		f.collect(soon())
		_, err := f.s.FreeBlobs(f.ctx, soon())
		f.ok(err)
		if got, want := f.objects(), f.reachable(); got != want {
			f.t.Errorf("left:\n%s\nreachable:\n%s", got, want)
		}
		if !slices.Equal(f.blobKeys(), f.named()) {
			f.t.Errorf("blobs %v, named %v", f.blobKeys(), f.named())
		}
		f.t.Logf("%d objects collected, %v attempts refused", collected, refused)
	})
}
