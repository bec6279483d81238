package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
)

// Open is a view of a repository as it is now. It costs one read of git_repo when nothing changed.
func (s *Store) Open(ctx context.Context, repoID string) (*Repo, error) {
	var row struct {
		PackSeq   int64 `db:"pack_seq"`
		FoldEpoch int64 `db:"fold_epoch"`
	}
	err := s.db.Get(ctx, &row, `SELECT pack_seq, fold_epoch FROM git_repo WHERE repo_id = ?`, repoID)
	if db.IsNoRows(err) {
		return nil, errs.RepoNotFound()
	}
	if err != nil {
		return nil, errs.Wrap("gitstore.Open", err)
	}
	return s.OpenAt(ctx, repoID, row.PackSeq, row.FoldEpoch)
}

// OpenAt is Open for callers that have read git_repo's two numbers already.
func (s *Store) OpenAt(ctx context.Context, repoID string, packSeq, foldEpoch int64) (*Repo, error) {
	st, ok := s.states.Get(repoID)
	if !ok || !st.at(packSeq, foldEpoch) {
		var err error
		if st, err = s.load(ctx, repoID, packSeq, foldEpoch); err != nil {
			return nil, err
		}
	}
	return newRepo(s, st), nil
}

// load reads rows until the state is as new as asked for; callers that ask for the same wait for one of them.
func (s *Store) load(ctx context.Context, repoID string, packSeq, foldEpoch int64) (*state, error) {
	key := repoID + "/" + strconv.FormatInt(packSeq, 10) + "/" + strconv.FormatInt(foldEpoch, 10)
	ch := s.loads.DoChan(key, func() (any, error) {
		return s.loadState(context.WithoutCancel(ctx), repoID)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-ch:
		if r.Err != nil {
			return nil, errs.Wrap("gitstore.load", r.Err)
		}
		return r.Val.(*state), nil
	}
}

// packRow is git_repo's numbers and one pack without the large columns; seq 0: the repository has no pack.
type packRow struct {
	PackSeq      int64  `db:"pack_seq"`
	FoldEpoch    int64  `db:"fold_epoch"`
	CollectEpoch int64  `db:"collect_epoch"`
	Seq          int64  `db:"seq"`
	Size         int64  `db:"size"`
	PackKey      string `db:"pack_key"`
	IndexKey     string `db:"index_key"`
}

// One statement reads both tables, so the list and the numbers are of the same instant.
const sqlListPacks = `SELECT r.pack_seq, r.fold_epoch, r.collect_epoch, COALESCE(p.seq, 0) AS seq, COALESCE(p.size, 0) AS size,
	COALESCE(p.pack_key, '') AS pack_key, COALESCE(p.index_key, '') AS index_key
	FROM git_repo r LEFT JOIN git_pack p ON p.repo_id = r.repo_id AND p.seq > ?
	WHERE r.repo_id = ? ORDER BY p.seq`

func (s *Store) loadState(ctx context.Context, repoID string) (*state, error) {
	old, _ := s.states.Get(repoID)
	for try := 0; ; try++ {
		st, err := s.loadOnce(ctx, repoID, old)
		if err == nil {
			s.states.Put(repoID, st, st.bytes())
			return st, nil
		}
		// A fold between the list and the catalogs takes rows away; the next list does not name them.
		if !errors.Is(err, errPackGone) || try == 5 {
			return nil, err
		}
	}
}

func (s *Store) loadOnce(ctx context.Context, repoID string, old *state) (*state, error) {
	if old != nil {
		if st, err := s.loadNewer(ctx, old); st != nil || err != nil {
			return st, err
		}
	}
	var rows []packRow
	if err := s.db.Select(ctx, &rows, sqlListPacks, 0, repoID); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errs.RepoNotFound()
	}
	known := map[int64]*pack{}
	if old != nil {
		for _, p := range old.all() {
			known[p.seq] = p
		}
	}
	packs, err := s.loadPacks(ctx, repoID, rows, known)
	if err != nil {
		return nil, err
	}
	st := newState(repoID, rows[0].FoldEpoch)
	st.collects = rows[0].CollectEpoch
	for _, p := range packs {
		st.add(p)
	}
	st.seq = rows[0].PackSeq
	return st, nil
}

// loadNewer adds to old what was committed since; nil when packs were folded meanwhile.
func (s *Store) loadNewer(ctx context.Context, old *state) (*state, error) {
	old.mu.RLock()
	seq := old.seq
	old.mu.RUnlock()
	var rows []packRow
	if err := s.db.Select(ctx, &rows, sqlListPacks, seq, old.repoID); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errs.RepoNotFound()
	}
	if rows[0].FoldEpoch != old.epoch {
		return nil, nil
	}
	packs, err := s.loadPacks(ctx, old.repoID, rows, nil)
	if err != nil {
		return nil, err
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	for _, p := range packs {
		if p.seq > old.seq { // another load or a commit here may have been faster
			old.add(p)
		}
	}
	return old, nil
}

// loadPacks reads the catalogs of the rows that are not known.
func (s *Store) loadPacks(ctx context.Context, repoID string, rows []packRow, known map[int64]*pack) ([]*pack, error) {
	inline, err := s.inlineCatalogs(ctx, repoID, rows, known)
	if err != nil {
		return nil, err
	}
	packs := make([]*pack, 0, len(rows))
	for _, r := range rows {
		if r.Seq == 0 {
			continue
		}
		if p := known[r.Seq]; p != nil {
			packs = append(packs, p)
			continue
		}
		raw := inline[r.Seq]
		if r.IndexKey != "" {
			raw, err = s.readBlob(ctx, r.IndexKey)
		} else if raw == nil {
			err = errPackGone
		}
		if err != nil {
			return nil, err
		}
		cat, err := git.ParseCatalog(raw)
		if err != nil {
			return nil, fmt.Errorf("catalog of pack %d: %w", r.Seq, err)
		}
		packs = append(packs, &pack{repoID: repoID, seq: r.Seq, size: r.Size, packKey: r.PackKey, indexKey: r.IndexKey, cat: cat})
	}
	return packs, nil
}

func (s *Store) inlineCatalogs(ctx context.Context, repoID string, rows []packRow, known map[int64]*pack) (map[int64][]byte, error) {
	lo, hi := int64(0), int64(-1)
	for _, r := range rows {
		if r.Seq == 0 || r.IndexKey != "" || known[r.Seq] != nil {
			continue
		}
		if hi < 0 {
			lo = r.Seq
		}
		hi = r.Seq
	}
	if hi < 0 {
		return nil, nil
	}
	var idx []struct {
		Seq int64  `db:"seq"`
		Idx []byte `db:"idx"`
	}
	err := s.db.Select(ctx, &idx, `SELECT seq, idx FROM git_pack
		WHERE repo_id = ? AND seq >= ? AND seq <= ? AND index_key = ''`, repoID, lo, hi)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64][]byte, len(idx))
	for _, i := range idx {
		byID[i.Seq] = i.Idx
	}
	return byID, nil
}

// maxCatalog bounds a catalog read into memory: 48 bytes for each of 20 million objects.
const maxCatalog = 1 << 30

func (s *Store) readBlob(ctx context.Context, key string) ([]byte, error) {
	r, err := s.blobs.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxCatalog+1))
	if err == nil && len(b) > maxCatalog {
		err = fmt.Errorf("catalog %s is over %d bytes", key, maxCatalog)
	}
	return b, err
}
