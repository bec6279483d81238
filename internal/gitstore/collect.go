package gitstore

import (
	"context"
	"errors"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
)

// Collected says what a collection removed.
type Collected struct {
	Objects int
	Packs   int   // that were written again or went
	Bytes   int64 // of packs before less those after
}

// errMoved says that the repository has changed since it was looked at.
var errMoved = errors.New("the repository has changed meanwhile")

// errHeld says that somebody holds the repository since it was looked at: nothing of it goes.
var errHeld = errors.New("the repository is held")

// Bounds of how a collection catches up with changes. Each time it has only the latest to look at; after some times it
// does so within the transaction, when few packs came since.
const (
	collectTries    = 20
	collectPatience = 4
	catchUpPacks    = 32
)

// noteDropped notes where a ref was that is about to leave; a zero id stands for objects that no ref ever reached.
func (s *Store) noteDropped(ctx context.Context, tx *db.Tx, repoID string, oid hub.OID) error {
	_, err := tx.Exec(ctx, `INSERT INTO git_dropped (repo_id, oid, dropped_at) VALUES (?, ?, ?)
		ON CONFLICT (repo_id, oid) DO UPDATE SET dropped_at = excluded.dropped_at`, repoID, oid.String(), now(tx))
	return errs.Wrap("gitstore.noteDropped", err)
}

// NeedsCollect lists repositories of which refs have moved away before a time, by id, those after one.
func (s *Store) NeedsCollect(ctx context.Context, before time.Time, after string, limit int) ([]string, error) {
	ids := []string{}
	err := s.db.Select(ctx, &ids, `SELECT DISTINCT repo_id FROM git_dropped WHERE dropped_at <= ? AND repo_id > ?
		AND NOT EXISTS (SELECT 1 FROM repo_deleted d WHERE d.repo_id = git_dropped.repo_id)
		ORDER BY repo_id LIMIT ?`, before.UnixMicro(), after, limit)
	return ids, errs.Wrap("gitstore.NeedsCollect", err)
}

// dropped is a place that a ref has left.
type dropped struct {
	oid hub.OID
	at  int64 // unix microseconds
}

func (s *Store) dropped(ctx context.Context, q db.Queryer, repoID string) ([]dropped, error) {
	var rows []struct {
		OID string `db:"oid"`
		At  int64  `db:"dropped_at"`
	}
	err := q.Select(ctx, &rows, `SELECT oid, dropped_at FROM git_dropped WHERE repo_id = ? ORDER BY dropped_at, oid`, repoID)
	if err != nil {
		return nil, err
	}
	out := make([]dropped, len(rows))
	for i, r := range rows {
		out[i].at = r.At
		if out[i].oid, err = hub.ParseOID(r.OID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Dropped are the places that refs of a repository have left and that were not collected since. all is false if it has
// objects besides that no ref ever reached.
func (s *Store) Dropped(ctx context.Context, q db.Queryer, repoID string) (oids []hub.OID, all bool, err error) {
	list, err := s.dropped(ctx, q, repoID)
	all = true
	for _, d := range list {
		if d.oid.IsZero() {
			all = false
			continue
		}
		oids = append(oids, d.oid)
	}
	return oids, all, errs.Wrap("gitstore.Dropped", err)
}

// Collect removes from a repository what no ref has reached since a time. Packs that hold such objects are written again
// without them; others stay. Readers, pushes and commits go on undisturbed. Cheap when there is nothing to collect.
func (s *Store) Collect(ctx context.Context, repoID string, before time.Time) (Collected, error) {
	c := &collection{s: s, id: repoID, before: before.UnixMicro()}
	done, err := c.run(ctx)
	if errors.Is(err, errFoldRace) || errors.Is(err, errPackGone) || errors.Is(err, errMoved) {
		return Collected{}, errs.New(errs.Unavailable, "Repository %s changes too fast to be collected now", repoID)
	}
	if errors.Is(err, errHeld) || behindLost(err) {
		return Collected{}, nil
	}
	if err == nil && done.Objects > 0 {
		s.counters.collections.Add(1)
		s.counters.collectedObjects.Add(int64(done.Objects))
		s.counters.collectedBytes.Add(max(done.Bytes, 0)) // whole objects may take more than the deltas that they were
	}
	return done, errs.Wrap("gitstore.Collect", err)
}

type collection struct {
	s      *Store
	id     string
	before int64 // unix microseconds
	dry    bool
}

// Unreachable says what Collect would remove: objects, and their bytes before compression.
func (s *Store) Unreachable(ctx context.Context, repoID string, before time.Time) (Collected, error) {
	c := &collection{s: s, id: repoID, before: before.UnixMicro(), dry: true}
	done, err := c.run(ctx)
	if behindLost(err) {
		return Collected{}, nil
	}
	return done, errs.Wrap("gitstore.Unreachable", err)
}

func (c *collection) run(ctx context.Context) (done Collected, err error) {
	if held, err := hold.OfRepo(ctx, c.s.db, c.id); held || err != nil {
		return done, err
	}
	drops, err := c.s.dropped(ctx, c.s.db, c.id)
	if err != nil {
		return done, err
	}
	var due []hub.OID
	var last int64
	for _, d := range drops {
		if d.at <= c.before {
			due, last = append(due, d.oid), d.at
		}
	}
	if len(due) == 0 {
		return done, nil
	}
	// What a ref leaves from here on is for the next collection, though its time may lie before: this one may have found the ref
	// where it was, and would keep the objects and forget why they are to go.
	c.before = last
	if loose, err := c.s.anyLoose(ctx, c.id, due); err != nil || !loose {
		if err != nil {
			return done, err
		}
		if c.dry {
			return done, nil
		}
		return done, c.s.db.Tx(ctx, func(tx *db.Tx) error { return c.forget(ctx, tx) })
	}
	roots, err := c.roots(ctx, c.s.db)
	if err != nil {
		return done, err
	}
	m, err := c.s.mark(ctx, c.id, roots)
	if err != nil {
		return done, err
	}
	if c.dry {
		return m.dead(), nil
	}
	return c.sweep(ctx, m)
}

// anyLoose reports whether some of the objects may be out of every ref's reach.
func (s *Store) anyLoose(ctx context.Context, repoID string, oids []hub.OID) (bool, error) {
	refs, err := s.Refs(ctx, s.db, repoID, "refs/")
	if err != nil {
		return false, err
	}
	r, err := s.Open(ctx, repoID)
	if err != nil {
		return false, err
	}
	named := map[hub.OID]bool{}
	var tips []hub.OID
	for _, ref := range refs {
		named[ref.OID] = true
		if commit, err := r.peel(ctx, ref.OID); err == nil {
			tips = append(tips, commit)
		}
	}
	for _, oid := range oids {
		kind, ok := r.Kind(oid)
		switch {
		case oid.IsZero():
			return true, nil
		case named[oid], !ok:
			continue
		case kind != git.KindCommit:
			return true, nil
		}
		if found, err := r.reachable(ctx, oid, tips); err != nil || !found {
			return true, err
		}
	}
	return false, nil
}

// roots are what must stay: what refs name, and what they named until lately.
func (c *collection) roots(ctx context.Context, q db.Queryer) ([]hub.OID, error) {
	refs, err := c.s.Refs(ctx, q, c.id, "refs/")
	if err != nil {
		return nil, err
	}
	var roots []hub.OID
	for _, ref := range refs {
		roots = append(roots, ref.OID)
	}
	drops, err := c.s.dropped(ctx, q, c.id)
	if err != nil {
		return nil, err
	}
	for _, d := range drops {
		if d.at > c.before && !d.oid.IsZero() {
			roots = append(roots, d.oid)
		}
	}
	return roots, nil
}

// sweep writes the packs that hold garbage again and swaps the rows, catching up with what happens meanwhile.
func (c *collection) sweep(ctx context.Context, m *marking) (done Collected, err error) {
	w := &sweeping{collection: c, m: m, marks: -1, pack: &Pack{}}
	for try := range collectTries {
		if err = w.rewrite(ctx); err != nil {
			break
		}
		err = c.s.db.Tx(ctx, func(tx *db.Tx) error { return w.swap(ctx, tx, try >= collectPatience) })
		if !errors.Is(err, errMoved) {
			break
		}
	}
	if err != nil {
		c.s.dropPack(ctx, w.pack)
		return done, err
	}
	return w.finish(ctx), nil
}

// sweeping is what a collection is about to replace.
type sweeping struct {
	*collection
	m       *marking
	marks   int // for which the rest holds
	victims []*pack
	garbage int
	pack    *Pack // what is live of the victims
}

// rewrite catches up and, the first time and when something that had been given up is needed again, copies what is live.
func (w *sweeping) rewrite(ctx context.Context) error {
	roots, err := w.roots(ctx, w.s.db)
	if err != nil {
		return err
	}
	if err := w.m.follow(ctx, w.s, roots); err != nil || w.m.walk.marks == w.marks {
		return err
	}
	w.s.dropPack(ctx, w.pack)
	w.pack, w.marks = &Pack{}, w.m.walk.marks
	if w.victims, w.garbage = w.m.victims(); len(w.victims) == 0 {
		return nil
	}
	p, err := w.s.copyLive(ctx, w.id, w.m, w.victims)
	if err == nil {
		w.pack = p
	}
	return err
}

// swap replaces the rows, if the repository is as it was when it was looked at last. In a hurry it looks once more while
// nobody can change it.
func (w *sweeping) swap(ctx context.Context, tx *db.Tx, hurry bool) error {
	if held, err := hold.OfRepo(ctx, tx, w.id); held || err != nil {
		if err == nil {
			err = errHeld
		}
		return err
	}
	if hurry {
		if err := w.catchUp(ctx, tx); err != nil {
			return err
		}
	}
	if err := w.m.still(ctx, w.s, tx); err != nil {
		return err
	}
	roots, err := w.roots(ctx, tx)
	if err != nil {
		return err
	}
	for _, oid := range roots {
		if !w.m.roots[oid] {
			return errMoved
		}
	}
	if len(w.victims) > 0 {
		by := epochs{Folds: 1, Collects: 1}
		if w.pack.cat != nil {
			by.Seq = 1
		}
		if err := w.s.swapPacks(ctx, tx, w.id, w.victims, w.pack, by); err != nil {
			return err
		}
	}
	return w.forget(ctx, tx)
}

// catchUp locks the repository and looks at what came since, if that is little.
func (w *sweeping) catchUp(ctx context.Context, tx *db.Tx) error {
	now, err := w.s.bump(ctx, tx, w.id, epochs{})
	if err != nil {
		return err
	}
	if now.Seq-w.m.at.Seq > catchUpPacks {
		return errMoved
	}
	roots, err := w.roots(ctx, tx)
	if err != nil {
		return err
	}
	if err := w.m.follow(ctx, w.s, roots); err != nil {
		return err
	}
	if w.m.walk.marks != w.marks {
		return errMoved
	}
	return nil
}

// still says errMoved when packs came since the marking has looked, and errFoldRace when they were folded.
func (m *marking) still(ctx context.Context, s *Store, q db.Queryer) error {
	now, err := s.epochs(ctx, q, m.walk.r.id)
	switch {
	case err != nil:
		return err
	case now.Folds != m.at.Folds:
		return errFoldRace
	case now.Seq != m.at.Seq:
		return errMoved
	}
	return nil
}

func (c *collection) forget(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM git_dropped WHERE repo_id = ? AND dropped_at <= ?`, c.id, c.before)
	return err
}

func (w *sweeping) finish(ctx context.Context) Collected {
	done := Collected{Objects: w.garbage, Packs: len(w.victims), Bytes: -w.pack.Size()}
	for _, v := range w.victims {
		done.Bytes += v.size
		if v.packKey != "" {
			w.s.files.drop(v.packKey)
		}
	}
	_, _ = w.s.Open(ctx, w.id) // so that the next reader need not load the new list
	return done
}
