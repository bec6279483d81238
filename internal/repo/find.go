package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const foundBytes = 8 << 20

// findCache keeps rows for as long as the database has not changed.
type findCache = db.Memo[findKey, found]

type findKey struct {
	typ hub.RepoType
	key string
}

type found struct {
	repo       *Repo
	redirected bool
}

func newFindCache(d *db.DB) *findCache {
	return db.NewMemo[findKey](d, foundBytes, func(found) int64 { return 1 << 10 })
}

// Find looks a repository up by its name, whatever the name's case, or by a name that it had before: then redirected is
// true. Absent: errs.RepoNotFound. q is a transaction, or nil for the database itself, whose answers are cached while
// nothing changes. It checks no right.
func (s *Service) Find(ctx context.Context, q db.Queryer, id hub.RepoID) (r *Repo, redirected bool, err error) {
	if len(id.Namespace)+len(id.Name) > 2*MaxName || !db.IsText(id.Namespace+id.Name) {
		return nil, false, errs.RepoNotFound()
	}
	if q != nil {
		return find(ctx, q, id.Type, id.Key())
	}
	k := findKey{id.Type, id.Key()}
	f, err := s.found.Get(k, func() (f found, err error) {
		f.repo, f.redirected, err = find(ctx, s.db, k.typ, k.key)
		return f, err
	})
	return f.repo, f.redirected, err
}

// find asks for the name and, when nobody has it, for who had it.
func find(ctx context.Context, q db.Queryer, typ hub.RepoType, key string) (*Repo, bool, error) {
	r, err := byKey(ctx, q, typ, key)
	if err != nil || r != nil {
		return r, false, errs.Wrap("repo.Find", err)
	}
	if r, err = byOldKey(ctx, q, typ, key); err != nil {
		return nil, false, errs.Wrap("repo.Find", err)
	}
	if r == nil {
		return nil, false, errs.RepoNotFound()
	}
	return r, true, nil
}

// Get reads a repository by its row id. Absent: errs.RepoNotFound.
func (s *Service) Get(ctx context.Context, q db.Queryer, rowID string) (*Repo, error) {
	if q == nil {
		q = s.db
	}
	r, err := byRowID(ctx, q, rowID)
	if err == nil && r == nil {
		err = errs.RepoNotFound()
	}
	return r, errs.Wrap("repo.Get", err)
}
