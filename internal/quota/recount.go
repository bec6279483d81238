package quota

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Drift is what a recount found.
type Drift struct {
	Repos       int // looked at
	WrongRepos  int
	Owners      int // looked at
	WrongOwners int
	Bytes       int64 // by how much the numbers were wrong, whichever way, all repositories and owners together
}

// Found reports whether there was anything to repair.
func (d Drift) Found() bool { return d.WrongRepos+d.WrongOwners > 0 }

// recountPage is the number of repositories, or owners, of one read.
const recountPage = 200

// Recount counts anew what everybody stores and repairs the numbers that differ, while others go on. That there is
// something to repair is a fault of the hub, and goes into the log.
func (s *Service) Recount(ctx context.Context) (d Drift, err error) {
	err = s.recountPlaces(ctx, &d)
	for after := ""; err == nil; {
		var rows []repoRow
		if err = s.DB.Select(ctx, &rows, selectPage, after, recountPage); err != nil || len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].RepoID
		err = s.recountRepos(ctx, rows, &d)
	}
	for after := ""; err == nil; {
		var rows []ownerRow
		if err = s.DB.Select(ctx, &rows, selectOwners, after, recountPage); err != nil || len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].OwnerID
		err = s.recountOwners(ctx, rows, &d)
	}
	if d.Found() {
		s.Log.Error("the numbers of stored bytes were wrong, and are repaired", "repositories", d.WrongRepos, "owners", d.WrongOwners, "bytes", d.Bytes)
	}
	return d, errs.Wrap("quota.Recount", err)
}

// recountRepos looks at a page without locking it, and at what seems to differ once more in a transaction: it may have
// changed between two reads.
func (s *Service) recountRepos(ctx context.Context, rows []repoRow, d *Drift) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].RepoID
	}
	large, packs, err := s.measure(ctx, s.DB, ids)
	if err != nil {
		return err
	}
	d.Repos += len(rows)
	for _, r := range rows {
		if r.Large == large[r.RepoID] && r.Packs == packs[r.RepoID] {
			continue
		}
		off, err := s.repairRepo(ctx, r.RepoID)
		if err != nil {
			return err
		}
		if off != 0 {
			d.WrongRepos++
			d.Bytes += off
		}
	}
	return nil
}

func (s *Service) measure(ctx context.Context, q db.Queryer, ids []string) (large, packs map[string]int64, err error) {
	if large, err = s.Large(ctx, q, ids); err == nil {
		packs, err = s.Packs(ctx, q, ids)
	}
	return large, packs, err
}

// repairRepo corrects a repository's numbers, and its owner's with them. off is by how many bytes they were wrong.
func (s *Service) repairRepo(ctx context.Context, id string) (off int64, err error) {
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		off = 0
		row, err := getRepo(ctx, tx, id)
		if err != nil || row == nil {
			return err
		}
		large, packs, err := s.measure(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		l, p := large[id]-row.Large, packs[id]-row.Packs
		if off = abs(l) + abs(p); off != 0 {
			e := s.ledger(ctx, tx).entry(id)
			e.large, e.packs = l, p
		}
		return nil
	})
	return off, err
}

func (s *Service) recountOwners(ctx context.Context, rows []ownerRow, d *Drift) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].OwnerID
	}
	sums, err := getSums(ctx, s.DB, ids)
	if err != nil {
		return err
	}
	d.Owners += len(rows)
	for _, r := range rows {
		if sum := sums[r.OwnerID]; r.Stale || sum.Private == r.PrivateUsed && sum.Public == r.PublicUsed {
			continue
		}
		off, err := s.repairOwner(ctx, r.OwnerID)
		if err != nil {
			return err
		}
		if off != 0 {
			d.WrongOwners++
			d.Bytes += off
		}
	}
	return nil
}

func (s *Service) repairOwner(ctx context.Context, id string) (off int64, err error) {
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		off = 0
		sums, err := getSums(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		row, err := getOwner(ctx, tx, id)
		if err != nil || row == nil || row.Stale {
			return err
		}
		fix := &delta{private: sums[id].Private - row.PrivateUsed, public: sums[id].Public - row.PublicUsed}
		if off = abs(fix.private) + abs(fix.public); off != 0 {
			_, err = growOwner(ctx, tx, id, fix)
		}
		return err
	})
	return off, err
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
