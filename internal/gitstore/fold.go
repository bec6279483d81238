package gitstore

import (
	"context"
	"errors"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
)

// Packs fall into size classes, each sixteen times the one before. A class that is full is folded, with all smaller
// packs, into one pack of a higher class: each byte is copied once per class, and a repository of n bytes keeps some
// FoldAt packs for each of log16(n) classes.
const (
	firstClass = 64 << 10
	classes    = 5 // 64 KiB, 1 MiB, 16 MiB, 256 MiB, 4 GiB; larger packs are left alone
)

// foldDepth is the longest delta chain that folding makes of chains in packs of different age.
const foldDepth = 200

// errFoldRace says that another fold took the same packs first.
var errFoldRace = errors.New("packs were folded by another")

func sizeClass(size int64) int {
	c := 0
	for limit := int64(firstClass); c < classes && size >= limit; limit *= 16 {
		c++
	}
	return c
}

// NeedsFold lists repositories with a full size class, by id. Those that are deleted and may be brought back stay as they are.
func (s *Store) NeedsFold(ctx context.Context, limit int) ([]string, error) {
	ids := []string{}
	err := s.db.Select(ctx, &ids, `SELECT DISTINCT repo_id FROM (
		SELECT repo_id FROM git_pack WHERE size < 4294967296 AND NOT EXISTS (SELECT 1 FROM repo_deleted d WHERE d.repo_id = git_pack.repo_id)
		GROUP BY repo_id, CASE WHEN size < 65536 THEN 0 WHEN size < 1048576 THEN 1
			WHEN size < 16777216 THEN 2 WHEN size < 268435456 THEN 3 ELSE 4 END
		HAVING COUNT(*) >= ?) AS t ORDER BY repo_id LIMIT ?`, s.o.FoldAt, limit)
	return ids, errs.Wrap("gitstore.NeedsFold", err)
}

// NeedsFold reports whether the repository has a full size class.
func (r *Repo) NeedsFold() bool { return len(r.s.toFold(r.st.Load())) > 0 }

// toFold is the packs of the lowest full class and all smaller ones, in the order of their numbers.
func (s *Store) toFold(st *state) []*pack {
	var counts [classes + 1]int
	packs := st.all()
	for _, p := range packs {
		counts[sizeClass(p.size)]++
	}
	for c := 0; c < classes; c++ {
		if counts[c] < s.o.FoldAt {
			continue
		}
		var out []*pack
		for _, p := range packs {
			if sizeClass(p.size) <= c {
				out = append(out, p)
			}
		}
		return out
	}
	return nil
}

// Fold copies small packs into a larger one, as they are packed, and swaps the rows in one transaction. Readers and
// writers go on undisturbed; blobs of the old packs are freed later. It reports whether it folded: not when no
// size class is full, and not when another node was faster.
func (s *Store) Fold(ctx context.Context, repoID string) (bool, error) {
	r, err := s.Open(ctx, repoID)
	if err != nil {
		return false, err
	}
	st := r.st.Load()
	old := s.toFold(st)
	if len(old) == 0 {
		return false, nil
	}
	p, err := s.mergePacks(ctx, st.repoID, st, old, nil)
	if errors.Is(err, errPackGone) {
		return false, nil
	}
	if err != nil {
		return false, errs.Wrap("gitstore.Fold", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error { return s.swapPacks(ctx, tx, repoID, old, p, epochs{Seq: 1, Folds: 1}) })
	if err != nil {
		s.dropPack(ctx, p)
	}
	if errors.Is(err, errFoldRace) || errs.Is(err, errs.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, errs.Wrap("gitstore.Fold", err)
	}
	s.counters.folds.Add(1)
	// The next reader would load the new list; doing it here spares it the wait, and a failure here harms nobody.
	_, _ = s.Open(ctx, repoID)
	return true, nil
}

// mergePacks copies packs in the order of their numbers and each in the order of its entries, into one for repoID. An
// object that is in several is taken from the first. Its delta base is in the same pack, so it, too, is taken from that
// pack or an earlier one: bases come before their deltas and there can be no cycle. keep, when not nil, says which
// objects to copy; a delta whose base stays behind is written whole.
func (s *Store) mergePacks(ctx context.Context, repoID string, st *state, old []*pack, keep func(*git.Catalog, int) bool) (*Pack, error) {
	w := s.NewPack(ctx, repoID)
	defer w.Abort()
	if w.err != nil {
		return nil, w.err
	}
	for _, p := range old {
		if err := s.copyPack(ctx, st, p, w.w, keep); err != nil {
			return nil, err
		}
	}
	return w.Finish(ctx)
}

func (s *Store) copyPack(ctx context.Context, st *state, p *pack, w *git.PackWriter, keep func(*git.Catalog, int) bool) error {
	r, done, err := s.borrow(ctx, st, p)
	if err != nil {
		return err
	}
	defer done()
	return r.ByOffset(func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if keep != nil && !keep(r.Catalog(), i) {
			return nil
		}
		return w.Copy(r, i, foldDepth)
	})
}

// swapPacks deletes rows and inserts the one of the pack that takes their place, if it has objects. If a row is missing,
// another fold was faster.
func (s *Store) swapPacks(ctx context.Context, tx *db.Tx, repoID string, old []*pack, p *Pack, by epochs) error {
	for rest := old; len(rest) > 0; rest = rest[min(len(rest), swapBatch):] {
		if err := s.noteGarbage(ctx, tx, repoID, seqsOf(rest)); err != nil {
			return err
		}
	}
	s.grow(ctx, tx, repoID, p.Size()-sizeOf(old), true)
	return s.replacePacks(ctx, tx, repoID, old, p, by)
}

// sizeOf is the bytes of some packs.
func sizeOf(packs []*pack) (bytes int64) {
	for _, p := range packs {
		bytes += p.size
	}
	return bytes
}

// swapBatch is the number of rows that one statement names.
const swapBatch = 500

// seqsOf are the numbers of the first packs.
func seqsOf(packs []*pack) []int64 {
	seqs := make([]int64, min(len(packs), swapBatch))
	for i := range seqs {
		seqs[i] = packs[i].seq
	}
	return seqs
}

// replacePacks is swapPacks for blobs that others still name.
func (s *Store) replacePacks(ctx context.Context, tx *db.Tx, repoID string, old []*pack, p *Pack, by epochs) error {
	now, err := s.bump(ctx, tx, repoID, by)
	if err != nil {
		return err
	}
	if p.cat != nil {
		if err := s.insertPack(ctx, tx, repoID, p, now.Seq); err != nil {
			return err
		}
	}
	for len(old) > 0 {
		seqs := seqsOf(old)
		old = old[len(seqs):]
		query, args, err := db.In(`DELETE FROM git_pack WHERE repo_id = ? AND seq IN (?)`, repoID, seqs)
		if err != nil {
			return err
		}
		rows, err := tx.Exec(ctx, query, args...)
		if err != nil {
			return err
		}
		if rows != int64(len(seqs)) {
			return errFoldRace
		}
	}
	return nil
}
