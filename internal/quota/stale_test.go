package quota_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
)

func (w *world) grow(repo string, bytes int64) error {
	return w.db.Tx(context.Background(), func(tx *db.Tx) error {
		w.quota.GrowPacks(context.Background(), tx, repo, bytes, false)
		return nil
	})
}

// known has quotas know a repository.
func (w *world) known(repo string) {
	w.Helper()
	if err := w.quota.SetRepo(context.Background(), hub.Actor{}, repo, nil); err != nil {
		w.Fatal(err)
	}
}

func (w *world) public() quota.Share {
	w.Helper()
	a, err := w.quota.Of(context.Background(), account.Owner{ID: w.owner, Name: "alice", Kind: account.KindUser})
	if err != nil {
		w.Fatal(err)
	}
	return a.Public
}

// S24: a quota that is set while an owner without one is being written to holds for every commit that ends after it, and
// what was stored before counts.
func TestS24QuotaSetUnderLoad(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		const writers, each, size, limit = 6, 25, 100, 5000
		repos := []string{w.repo}
		for len(repos) < writers {
			id := hub.NewID()
			w.insertRepo(id, "public")
			repos = append(repos, id)
		}
		for _, id := range repos {
			w.known(id)
		}
		var done, before atomic.Int64
		var wg sync.WaitGroup
		var once sync.Once
		for _, repo := range repos {
			wg.Go(func() {
				for range each {
					err := w.grow(repo, size)
					switch {
					case err == nil:
						done.Add(size)
					case !errs.Is(err, errs.PaymentRequired):
						t.Error(err)
					}
					if done.Load() < limit/2 {
						continue
					}
					once.Do(func() {
						public := int64(limit)
						o := account.Owner{ID: w.owner, Name: "alice", Kind: account.KindUser}
						if err := w.quota.SetOwner(context.Background(), hub.Actor{}, o, quota.Change{SetPublic: true, Public: &public}); err != nil {
							t.Error(err)
						}
						before.Store(w.public().Used)
					})
				}
			})
		}
		wg.Wait()
		share := w.public()
		if share.Used != done.Load() || share.Used > max(limit, before.Load()) || share.Used <= limit-size || share.Limit != limit {
			t.Errorf("%d bytes were acknowledged, %+v is counted, %d when the quota was set", done.Load(), share, before.Load())
		}
		if before.Load() > limit {
			t.Errorf("the quota was set only at %d", before.Load())
		}
	})
}

// Without a quota the owner's row is not written, whatever is stored: parallel commits to an owner's repositories do not
// meet there. A quota of the hub's has it kept again.
func TestOwnersWithoutQuotaShareNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		kept := func() (n int64) {
			t.Helper()
			if err := d.Get(context.Background(), &n, "SELECT private_used + public_used FROM quota_owner WHERE owner_id = ?", w.owner); err != nil {
				t.Fatal(err)
			}
			return n
		}
		w.known(w.repo)
		if err := errors.Join(w.grow(w.repo, 5), w.grow(w.repo, 6)); err != nil {
			t.Fatal(err)
		}
		first := kept()
		if err := w.grow(w.repo, 7); err != nil || kept() != first || w.public().Used != 18 {
			t.Error(err, kept(), w.public())
		}
		w.def.UserPublic = 20
		if err := w.grow(w.repo, 3); !errs.Is(err, errs.PaymentRequired) {
			t.Error(err)
		}
		if err := w.grow(w.repo, 2); err != nil || kept() != 20 || w.public().Used != 20 {
			t.Error(err, kept(), w.public())
		}
		if err := w.quota.Room(context.Background(), w.repo, 1); !errs.Is(err, errs.PaymentRequired) {
			t.Error(err)
		}
		w.def.UserPublic = quota.NoLimit
		if err := w.grow(w.repo, 10); err != nil || w.public().Used != 30 {
			t.Error(err, w.public())
		}
		w.packs[w.repo] = 30
		if drift, err := w.quota.Recount(context.Background()); err != nil || drift.Found() {
			t.Error(drift, err)
		}
		w.def.UserPublic = 40
		if err := w.quota.Room(context.Background(), w.repo, 11); !errs.Is(err, errs.PaymentRequired) {
			t.Error(err)
		}
	})
}
