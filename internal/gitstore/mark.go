package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// marking finds what a list of packs holds that is still needed: what roots reach, and what packs that came later build
// on. The list stays as it was when the marking began, whatever is committed meanwhile.
type marking struct {
	walk  *reachWalk
	newer *state // what came since; all of it counts as needed
	at    epochs // how far it has looked
	roots map[hub.OID]bool
}

// mark begins a marking on the packs of now.
func (s *Store) mark(ctx context.Context, repoID string, roots []hub.OID) (*marking, error) {
	r, err := s.Open(ctx, repoID)
	if err != nil {
		return nil, err
	}
	st := r.st.Load()
	m := &marking{roots: map[hub.OID]bool{}, newer: newState(repoID, st.epoch)}
	fixed := newState(repoID, st.epoch)
	packs, seq := st.upTo()
	for _, p := range packs {
		fixed.add(p)
	}
	m.at = epochs{Seq: seq, Folds: st.epoch, Collects: st.collects}
	m.walk = &reachWalk{r: r, st: fixed, newer: m.newer, seen: map[*pack][]uint64{}}
	if m.walk.lost, err = s.lost(ctx, repoID); err != nil {
		return nil, err
	}
	return m, m.add(ctx, roots)
}

// add marks what further roots reach.
func (m *marking) add(ctx context.Context, roots []hub.OID) error {
	for _, oid := range roots {
		if m.roots[oid] {
			continue
		}
		if err := m.walk.object(ctx, oid); err != nil {
			return err
		}
		m.roots[oid] = true
	}
	if err := m.walk.drain(ctx); err != nil {
		return err
	}
	if m.walk.lost[m.walk.missing] {
		return errBehindLost
	}
	if !m.walk.missing.IsZero() {
		return fmt.Errorf("object %s, which a ref reaches, is missing", m.walk.missing)
	}
	return nil
}

// errBehindLost says that a commit, a tag or a folder was given up: what it named cannot be told from what nothing names, and
// whoever brings it back needs that.
var errBehindLost = errors.New("what a lost commit or folder named cannot be told from what nothing names")

// behindLost reports whether a walk ended at an object that was given up.
func behindLost(err error) bool { return errors.Is(err, errBehindLost) || errs.Is(err, errs.Gone) }

// lost are the objects of a repository that were given up.
func (s *Store) lost(ctx context.Context, repoID string) (map[hub.OID]bool, error) {
	var rows []string
	if err := s.db.Select(ctx, &rows, `SELECT oid FROM git_lost WHERE repo_id = ?`, repoID); err != nil {
		return nil, err
	}
	lost := make(map[hub.OID]bool, len(rows))
	for _, row := range rows {
		oid, err := hub.ParseOID(row)
		if err != nil {
			return nil, err
		}
		lost[oid] = true
	}
	return lost, nil
}

// follow marks what was committed since, and its roots. errFoldRace: the list of packs is another one now.
func (m *marking) follow(ctx context.Context, s *Store, roots []hub.OID) error {
	r, err := s.Open(ctx, m.walk.r.id)
	if err != nil {
		return err
	}
	st := r.st.Load()
	if st.epoch != m.at.Folds {
		return errFoldRace
	}
	var fresh []*pack
	packs, seq := st.upTo()
	for _, p := range packs {
		if p.seq > m.at.Seq {
			fresh = append(fresh, p)
			m.newer.add(p)
		}
	}
	for _, p := range fresh {
		if err := m.needs(ctx, s, st, p); err != nil {
			return err
		}
	}
	m.at.Seq = seq
	return m.add(ctx, roots)
}

// needs marks all that the objects of a pack name, reached or not: each of them may be built on.
func (m *marking) needs(ctx context.Context, s *Store, st *state, p *pack) error {
	r, done, err := s.borrow(ctx, st, p)
	if err != nil {
		return err
	}
	defer done()
	return eachNamed(ctx, r, func(oid hub.OID, blob bool) error {
		if blob {
			m.walk.blob(oid)
			return nil
		}
		return m.walk.object(ctx, oid)
	})
}

// live reports whether an object of the fixed packs is needed.
func (m *marking) live(oid hub.OID) bool { return m.walk.marked(oid) }

// victims are the packs with objects that nothing needs, and the number of these.
func (m *marking) victims() (victims []*pack, garbage int) {
	for _, p := range m.walk.st.all() {
		n := 0
		if m.walk.count(p) < p.cat.Len() { // an object that is in two packs is marked in one of them only
			for i := range p.cat.Len() {
				if !m.live(p.cat.OID(i)) {
					n++
				}
			}
		}
		if n > 0 {
			victims = append(victims, p)
		}
		garbage += n
	}
	return victims, garbage
}

// dead counts what is not needed.
func (m *marking) dead() (c Collected) {
	victims, garbage := m.victims()
	c.Packs, c.Objects = len(victims), garbage
	for _, p := range victims {
		for i := range p.cat.Len() {
			if !m.live(p.cat.OID(i)) {
				c.Bytes += p.cat.Size(i)
			}
		}
	}
	return c
}

// drain walks on until nothing is left.
func (w *reachWalk) drain(ctx context.Context) error {
	for w.queue.Len() > 0 {
		n := w.queue.newest()
		if err := w.tree(ctx, n.tree); err != nil {
			return err
		}
		for _, parent := range n.parents {
			if err := w.object(ctx, parent); err != nil {
				return err
			}
		}
	}
	return nil
}

// count is the number of marks in a pack.
func (w *reachWalk) count(p *pack) (n int) {
	for _, word := range w.seen[p] {
		n += bits.OnesCount64(word)
	}
	return n
}

// copyLive copies the needed objects of packs, as mergePacks does all.
func (s *Store) copyLive(ctx context.Context, repoID string, m *marking, victims []*pack) (*Pack, error) {
	return s.mergePacks(ctx, repoID, m.walk.st, victims, func(cat *git.Catalog, i int) bool { return m.live(cat.OID(i)) })
}
