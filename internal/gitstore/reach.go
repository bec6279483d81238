package gitstore

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// CheckFetch refuses a request that would give objects that no ref reaches: what was squashed, deleted or forced away is
// gone for readers, whoever knows its id. git itself sends in version 2 of its protocol whatever it is asked for.
// errs.NotFound names the first.
func (p *Copy) CheckFetch(ctx context.Context, q *git.UploadRequest) error {
	tips := map[hub.OID]bool{}
	for _, r := range p.tips.Refs {
		tips[r.OID], tips[r.Peeled] = true, true
	}
	delete(tips, hub.OID{})
	var commits []hub.OID
	for oid := range tips {
		if kind, _ := p.view.Kind(oid); kind == git.KindCommit {
			commits = append(commits, oid)
		}
	}
	if q.Completes {
		if err := p.checkShallow(ctx, q.Shallow, commits); err != nil {
			return err
		}
	}
	return p.checkWants(ctx, q.Wants, tips, commits)
}

// checkShallow checks the parents of a client's shallow commits, for those it may get. The commits themselves it has:
// one may have been forced away while its parents were not. git ignores those that the copy does not have.
func (p *Copy) checkShallow(ctx context.Context, shallow, tips []hub.OID) error {
	known := map[hub.OID]bool{}
	for _, oid := range shallow { // all, before reading one may find that a fold has taken others away
		if kind, _ := p.view.Kind(oid); kind == git.KindCommit {
			known[oid] = true
		}
	}
	of := map[hub.OID]hub.OID{} // a parent's commit
	for oid := range known {
		n, err := p.view.node(ctx, oid)
		if err != nil {
			return err
		}
		for _, parent := range n.parents {
			of[parent] = oid
		}
	}
	left, err := p.view.unreached(ctx, maps.Keys(of), tips)
	for parent := range left {
		return notOurs(of[parent])
	}
	return err
}

func (p *Copy) checkWants(ctx context.Context, wants []hub.OID, tips map[hub.OID]bool, commits []hub.OID) error {
	var old, rest []hub.OID
	for _, oid := range wants {
		if tips[oid] {
			continue
		}
		if kind, _ := p.view.Kind(oid); kind == git.KindCommit {
			old = append(old, oid)
			continue
		}
		rest = append(rest, oid)
	}
	if err := p.checkOld(ctx, old, commits); err != nil || len(rest) == 0 {
		return err
	}
	return p.c.walks.check(ctx, p.view, p.tips, rest)
}

// checkOld checks commits that are no tips. The answer for one is kept, as clients that pin a commit ask for it again.
func (p *Copy) checkOld(ctx context.Context, oids, tips []hub.OID) error {
	switch len(oids) {
	case 0:
		return nil
	case 1:
		ok, err := p.view.reachable(ctx, oids[0], tips)
		if err == nil && !ok {
			return notOurs(oids[0])
		}
		return err
	}
	left, err := p.view.unreached(ctx, slices.Values(oids), tips)
	for oid := range left {
		return notOurs(oid)
	}
	return err
}

func notOurs(oid hub.OID) error { return errs.New(errs.NotFound, "not our ref %s", oid) }

// reachCache keeps the walks of the repositories that partial clones read from.
type reachCache struct {
	mu   sync.Mutex
	kept map[string]*reachWalk
}

const maxReachWalks = 64

func (c *reachCache) get(view *Repo, tips *Tips) *reachWalk {
	st := view.st.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.kept[view.id]
	if w == nil || w.tips != tips.id || w.st.epoch != st.epoch {
		if len(c.kept) >= maxReachWalks || c.kept == nil {
			c.kept = map[string]*reachWalk{}
		}
		w = &reachWalk{r: newRepo(view.s, st), st: st, packs: len(st.all()), tips: tips.id, start: tips.Refs, seen: map[*pack][]uint64{}}
		c.kept[view.id] = w
	}
	return w
}

func (c *reachCache) drop(view *Repo, w *reachWalk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept[view.id] == w {
		delete(c.kept, view.id)
	}
}

func (c *reachCache) check(ctx context.Context, view *Repo, tips *Tips, wants []hub.OID) error {
	for {
		w := c.get(view, tips)
		bad, err := w.find(ctx, wants)
		if err != nil {
			c.drop(view, w)
			return err
		}
		if bad.IsZero() {
			return nil
		}
		if w.packs == len(w.st.all()) {
			return notOurs(bad)
		}
		c.drop(view, w) // packs came since it began, so an object may have been marked where it is not found now
	}
}

// reachWalk goes through the history from the tips, newest commits first, and marks one bit per object. It goes as far
// as it was asked to and continues where it stopped.
type reachWalk struct {
	mu    sync.Mutex
	r     *Repo
	st    *state
	packs int // when the walk began
	tips  [sha256.Size]byte
	start []git.AdvertisedRef // nil once begun
	queue queue
	seen  map[*pack][]uint64

	// Of a marking (mark.go):
	newer   *state           // packs whose objects need no mark
	lost    map[hub.OID]bool // objects that were given up
	missing hub.OID          // the first object that was to be marked and is nowhere
	marks   int              // objects marked so far
}

// find is the first of the objects that no tip reaches, or zero.
func (w *reachWalk) find(ctx context.Context, wants []hub.OID) (hub.OID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ref := range w.start {
		if err := w.object(ctx, ref.OID); err != nil {
			return hub.OID{}, err
		}
	}
	w.start = nil
	for {
		for len(wants) > 0 && w.marked(wants[0]) {
			wants = wants[1:]
		}
		switch {
		case len(wants) == 0:
			return hub.OID{}, nil
		case w.queue.Len() == 0:
			return wants[0], nil
		}
		n := w.queue.newest()
		if err := w.tree(ctx, n.tree); err != nil {
			return hub.OID{}, err
		}
		for _, parent := range n.parents {
			if err := w.object(ctx, parent); err != nil {
				return hub.OID{}, err
			}
		}
	}
}

// place is the bit of an object, in the pack in which it is found.
func (w *reachWalk) place(oid hub.OID) (bits []uint64, i int, ok bool) {
	p, i, ok := w.st.find(oid)
	if !ok {
		return nil, 0, false
	}
	bits = w.seen[p]
	if bits == nil {
		bits = make([]uint64, (p.cat.Len()+63)/64)
		w.seen[p] = bits
	}
	return bits, i, true
}

func (w *reachWalk) marked(oid hub.OID) bool {
	bits, i, ok := w.place(oid)
	return ok && bits[i/64]&(1<<(i%64)) != 0
}

// mark marks an object and reports whether it was not yet.
func (w *reachWalk) mark(oid hub.OID) bool {
	bits, i, ok := w.place(oid)
	if !ok && w.missing.IsZero() && (w.newer == nil || !w.newer.has(oid)) {
		w.missing = oid
	}
	if !ok || bits[i/64]&(1<<(i%64)) != 0 {
		return false
	}
	bits[i/64] |= 1 << (i % 64)
	w.marks++
	return true
}

// blob marks a file. One that was given up is not missed: it leads nowhere.
func (w *reachWalk) blob(oid hub.OID) {
	if w.lost[oid] {
		if _, _, ok := w.st.find(oid); !ok {
			return
		}
	}
	w.mark(oid)
}

// object marks a tip or a parent: commits wait in the queue, tags lead on, however many stand behind each other.
func (w *reachWalk) object(ctx context.Context, oid hub.OID) error {
	for {
		kind, _ := w.r.Kind(oid)
		switch kind {
		case git.KindTree:
			return w.tree(ctx, oid)
		case git.KindCommit:
			if !w.mark(oid) {
				return nil
			}
			n, err := w.r.node(ctx, oid)
			if err == nil {
				w.queue.add(n)
			}
			return err
		case git.KindTag:
			if !w.mark(oid) {
				return nil
			}
			t, err := w.r.Tag(ctx, oid)
			if err != nil {
				return err
			}
			oid = t.Object
			continue
		}
		w.mark(oid)
		return nil
	}
}

// tree marks a folder and all below it. Of the folders that lead to the one being read, none is held.
func (w *reachWalk) tree(ctx context.Context, oid hub.OID) error {
	if !w.mark(oid) {
		return nil
	}
	for todo := []hub.OID{oid}; len(todo) > 0; {
		oid, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := w.r.object(ctx, oid, git.KindTree, git.MaxWhole)
		if err != nil {
			return err
		}
		t, err := git.ParseTree(data)
		if err != nil {
			return wrapGit(err)
		}
		for i := range t.Len() {
			e := t.At(i)
			switch {
			case e.Mode.IsDir():
				if w.mark(e.OID) {
					todo = append(todo, e.OID)
				}
			case e.Mode.IsBlob():
				w.blob(e.OID)
			}
		}
	}
	return nil
}
