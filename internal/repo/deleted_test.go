package repo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
)

// TestPurgeGoesOn: a deleted repository that cannot be removed for good does not keep the others.
func TestPurgeGoesOn(t *testing.T) {
	each(t, func(w *world) {
		w.repos = repo.New(repo.Deps{DB: w.db, Git: w.git, Authz: authz.New(w.db), Quota: quota.New(quota.Deps{DB: w.db}), Key: []byte("test key"),
			Now: func() time.Time { return w.now }, KeepDeleted: time.Hour})
		var ids []string
		for _, name := range []string{"one", "two", "three"} {
			ids = append(ids, w.create(model("alice", name), hub.Public).RowID)
			w.must(w.repos.Delete(ctx, w.actor["alice"], model("alice", name)))
		}
		slices.Sort(ids)
		w.now = w.now.Add(2 * time.Hour)
		stuck := errors.New("stuck")
		w.repos.Attach(repo.Hooks{DropFiles: func(_ ctxT, _ txT, id string) error {
			if id == ids[0] {
				return stuck
			}
			return nil
		}})
		if n, err := w.repos.Purge(ctx); n != 2 || !errors.Is(err, stuck) || !strings.Contains(err.Error(), ids[0]) {
			w.Errorf("removed %d: %v", n, err)
		}
		stuck = nil
		if n, err := w.repos.Purge(ctx); n != 1 || err != nil {
			w.Errorf("then %d: %v", n, err)
		}
	})
}
