package quota

import (
	"context"
	"maps"
	"slices"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// ledger is what one transaction changes, until it is settled.
type ledger struct {
	s     *Service
	free  bool
	repos map[string]*entry
}

// entry is what becomes of one repository.
type entry struct {
	large, packs int64 // bytes that come, or go
	asked        bool  // somebody wants it; else it is the hub's own tidying, which is never refused
	placed       bool
	fresh        bool   // a placed one that was not there before
	ownerID      string // of a placed one
	private      bool
	dropped      bool
}

type ledgerKey struct{ s *Service }

func (s *Service) ledger(ctx context.Context, tx *db.Tx) *ledger {
	return tx.Value(ledgerKey{s}, func() any {
		l := &ledger{s: s, repos: map[string]*entry{}}
		tx.BeforeCommit(func() error { return errs.Wrap("quota.settle", l.settle(ctx, tx)) })
		return l
	}).(*ledger)
}

func (l *ledger) entry(repoID string) *entry {
	e := l.repos[repoID]
	if e == nil {
		e = &entry{}
		l.repos[repoID] = e
	}
	return e
}

// GrowLarge tells the transaction that a repository's large files take more bytes, or less.
func (s *Service) GrowLarge(ctx context.Context, tx *db.Tx, repoID string, bytes int64) {
	e := s.ledger(ctx, tx).entry(repoID)
	e.large += bytes
	e.asked = true
}

// GrowPacks tells the transaction that a repository's git packs take more bytes, or less. upkeep is the hub's own
// tidying, which is counted and never refused.
func (s *Service) GrowPacks(ctx context.Context, tx *db.Tx, repoID string, bytes int64, upkeep bool) {
	e := s.ledger(ctx, tx).entry(repoID)
	e.packs += bytes
	e.asked = e.asked || !upkeep
}

// PlaceNew says against whose quota a new repository counts.
func (s *Service) PlaceNew(ctx context.Context, tx *db.Tx, repoID, ownerID string, private bool) {
	s.Place(ctx, tx, repoID, ownerID, private)
	s.ledger(ctx, tx).entry(repoID).fresh = true
}

// Place says against whose quota a repository counts that moves or changes its visibility.
func (s *Service) Place(ctx context.Context, tx *db.Tx, repoID, ownerID string, private bool) {
	e := s.ledger(ctx, tx).entry(repoID)
	e.placed, e.asked, e.ownerID, e.private = true, true, ownerID, private
}

// Drop says that a repository is deleted: nothing of it counts any more.
func (s *Service) Drop(ctx context.Context, tx *db.Tx, repoID string) {
	s.ledger(ctx, tx).entry(repoID).dropped = true
}

// Allow lets the transaction go over quotas: it adds little so that much can be removed after it.
func (s *Service) Allow(ctx context.Context, tx *db.Tx) { s.ledger(ctx, tx).free = true }

// settle writes the rows: repositories, then owners, each in the order of their ids. Of a repository its row in repo comes
// first, as everybody else who changes one locks it first: two orders are a deadlock.
func (l *ledger) settle(ctx context.Context, tx *db.Tx) error {
	def, err := l.s.Defaults(ctx, tx)
	if err != nil {
		return err
	}
	owners := map[string]*delta{}
	for _, id := range slices.Sorted(maps.Keys(l.repos)) {
		if err := l.settleRepo(ctx, tx, def, id, owners); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		if err := l.settleOwner(ctx, tx, def, id, owners[id]); err != nil {
			return err
		}
	}
	return nil
}

// delta is by how much what an owner's repositories take changes.
type delta struct {
	private, public int64
	asked           bool
}

func (l *ledger) settleRepo(ctx context.Context, tx *db.Tx, def Defaults, id string, owners map[string]*delta) error {
	e := l.repos[id]
	old, err := getRepo(ctx, tx, id)
	if err != nil {
		return err
	}
	if old != nil {
		count(owners, *old, -1, e.asked)
	}
	if e.dropped {
		return deleteRepoRow(ctx, tx, id)
	}
	now := repoRow{RepoID: id}
	switch {
	case old != nil:
		now = *old
	case !e.fresh:
		if now, err = l.adopt(ctx, tx, id); err != nil {
			return err
		}
	}
	if e.placed {
		now.OwnerID, now.Private = e.ownerID, e.private
	}
	before := now.total()
	now.Large += e.large
	now.Packs += e.packs
	count(owners, now, 1, e.asked)
	limit := or(now.SizeLimit, def.Repo)
	if more := now.total() - before; more > 0 && e.asked && !l.free && full(limit, before, more) {
		return overRepo(limit, before, more)
	}
	if l.s.Record != nil && (now.total() != before || old == nil && !e.fresh) {
		if err := l.s.Record(ctx, tx, id, now.total()); err != nil {
			return err
		}
	}
	return putRepo(ctx, tx, &now, old == nil)
}

// adopt counts a repository that the quotas do not know, as one is that an older version of the hub made beside this one.
// What the transaction adds is left out.
func (l *ledger) adopt(ctx context.Context, tx *db.Tx, id string) (repoRow, error) {
	row, err := l.s.unlisted(ctx, tx, id)
	if err != nil {
		return repoRow{}, err
	}
	if row == nil { // it was deleted while something was sent to it
		return repoRow{}, errs.RepoNotFound()
	}
	row.Large -= l.repos[id].large
	row.Packs -= l.repos[id].packs
	return *row, nil
}

// count adds a repository to its owner, or with -1 takes it away.
func count(owners map[string]*delta, r repoRow, sign int64, asked bool) {
	d := owners[r.OwnerID]
	if d == nil {
		d = &delta{}
		owners[r.OwnerID] = d
	}
	d.asked = d.asked || asked
	if r.Private {
		d.private += sign * r.total()
	} else {
		d.public += sign * r.total()
	}
}

// settleOwner comes after the rows of the owner's repositories are written.
//
// An owner without a quota costs a read: parallel commits to several of their repositories do not meet here. That stays right
// when somebody sets a quota meanwhile, because transactions are serializable: one that saw no quota and one that adds up the
// repositories under the new quota cannot both commit unless the sum has the first one's bytes.
func (l *ledger) settleOwner(ctx context.Context, tx *db.Tx, def Defaults, id string, d *delta) error {
	if d.private == 0 && d.public == 0 {
		return nil
	}
	now, err := l.growOwner(ctx, tx, def, id, d)
	if err != nil || now == nil || !d.asked || l.free {
		return err
	}
	was := *now
	was.PrivateUsed -= d.private
	was.PublicUsed -= d.public
	if d.private > 0 {
		err = l.s.checkOwner(ctx, tx, def, was, true, d.private)
	}
	if err == nil && d.public > 0 {
		err = l.s.checkOwner(ctx, tx, def, was, false, d.public)
	}
	return err
}

// growOwner adds to an owner's row and gives it as it is then; nil: there is no quota to hold it to.
func (l *ledger) growOwner(ctx context.Context, tx *db.Tx, def Defaults, id string, d *delta) (*ownerRow, error) {
	row, err := getOwner(ctx, tx, id)
	switch {
	case err != nil:
		return nil, err
	case row == nil:
		return l.addOwner(ctx, tx, def, id, d)
	case !def.limit(row) && row.Stale:
		return nil, nil
	case !def.limit(row):
		return nil, spoilOwner(ctx, tx, id)
	case row.Stale:
		return row, keepOwner(ctx, tx, row)
	}
	return growOwner(ctx, tx, id, d)
}

func (l *ledger) addOwner(ctx context.Context, tx *db.Tx, def Defaults, id string, d *delta) (*ownerRow, error) {
	o, err := account.OwnerByID(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	row := &ownerRow{OwnerID: id, Kind: o.Kind, PrivateUsed: d.private, PublicUsed: d.public}
	row.Stale = !def.limit(row)
	return row, addOwner(ctx, tx, row)
}
