package gitstore

import (
	"context"
	"crypto/sha1" //nolint:gosec // a cache key, not a signature
	"iter"

	"github.com/cairnhub/cairn/internal/hub"
)

// IsAncestor reports whether the history of commit of holds commit anc; each holds itself.
func (r *Repo) IsAncestor(ctx context.Context, anc, of hub.OID) (bool, error) {
	return r.reachable(ctx, anc, []hub.OID{of})
}

// reachable reports whether one of the tips has the commit in its history. The answer never changes, so it is kept;
// and when a tip has moved on, the walk ends at the tip for which it was kept.
func (r *Repo) reachable(ctx context.Context, oid hub.OID, tips []hub.OID) (bool, error) {
	key := r.ancestorKey(oid, tips)
	if v, ok := r.s.facts.Get(key); ok {
		return v.(bool), nil
	}
	found, err := r.findAncestor(ctx, oid, tips)
	if err == nil {
		r.s.facts.Put(key, found, 8)
	}
	return found, err
}

func (r *Repo) ancestorKey(oid hub.OID, tips []hub.OID) factKey {
	key := factKey{repo: r.id, kind: factAncestor, a: oid}
	if len(tips) == 1 {
		key.b = tips[0]
		return key
	}
	h := sha1.New() //nolint:gosec // see above
	for _, t := range tips {
		h.Write(t[:])
	}
	h.Sum(key.b[:0])
	return key
}

func (r *Repo) findAncestor(ctx context.Context, oid hub.OID, tips []hub.OID) (bool, error) {
	var q queue
	seen := map[hub.OID]bool{}
	visit := func(o hub.OID) (bool, error) {
		if o == oid {
			return true, nil
		}
		if seen[o] {
			return false, nil
		}
		seen[o] = true
		if v, ok := r.s.facts.Get(factKey{repo: r.id, kind: factAncestor, a: oid, b: o}); ok {
			return v.(bool), nil // when false, nothing behind o needs a visit
		}
		n, err := r.node(ctx, o)
		if err == nil {
			q.add(n)
		}
		return false, err
	}
	for next := tips; ; {
		for _, o := range next {
			if found, err := visit(o); found || err != nil {
				return found, err
			}
		}
		if q.Len() == 0 {
			return false, nil
		}
		next = q.newest().parents
	}
}

// unreached are those of the commits that no tip has in its history. One walk finds all.
func (r *Repo) unreached(ctx context.Context, oids iter.Seq[hub.OID], tips []hub.OID) (map[hub.OID]bool, error) {
	left, seen := map[hub.OID]bool{}, map[hub.OID]bool{}
	for oid := range oids {
		left[oid] = true
	}
	var q queue
	for next := tips; len(left) > 0; next = q.newest().parents {
		for _, oid := range next {
			delete(left, oid)
			if seen[oid] {
				continue
			}
			seen[oid] = true
			n, err := r.node(ctx, oid)
			if err != nil {
				return nil, err
			}
			q.add(n)
		}
		if q.Len() == 0 {
			break
		}
	}
	return left, nil
}

// Sides of a walk from two commits.
const (
	sideA    = 1
	sideB    = 2
	sideBoth = sideA | sideB
	stale    = 4 // behind a common ancestor that was found
)

// MergeBase is a best common ancestor of two commits, and whether there is one.
func (r *Repo) MergeBase(ctx context.Context, a, b hub.OID) (hub.OID, bool, error) {
	var base hub.OID
	err := r.paint(ctx, a, b, func(n *node, flags uint8) uint8 {
		if flags&sideBoth == sideBoth && flags&stale == 0 {
			if base.IsZero() {
				base = n.oid
			}
			return flags | stale
		}
		return flags
	}, nil)
	return base, !base.IsZero(), err
}

// AheadBehind counts the commits that only a has in its history, and those that only b has.
func (r *Repo) AheadBehind(ctx context.Context, a, b hub.OID) (ahead, behind int, err error) {
	err = r.paint(ctx, a, b, func(_ *node, flags uint8) uint8 {
		if flags&sideBoth == sideBoth {
			return flags | stale
		}
		return flags
	}, func(_ hub.OID, flags uint8) {
		switch flags & sideBoth {
		case sideA:
			ahead++
		case sideB:
			behind++
		}
	})
	return ahead, behind, err
}

// paint walks both histories newest first and hands flags down until all that is left is stale. visit may add flags to
// a commit before its parents get them; end sees the flags of each commit.
func (r *Repo) paint(ctx context.Context, a, b hub.OID, visit func(*node, uint8) uint8, end func(hub.OID, uint8)) error {
	flags := map[hub.OID]uint8{}
	var q queue
	push := func(oid hub.OID, f uint8) error {
		old := flags[oid]
		if old|f == old {
			return nil
		}
		n, err := r.node(ctx, oid)
		if err != nil {
			return err
		}
		flags[oid] = old | f
		q.add(n)
		return nil
	}
	if err := push(a, sideA); err != nil {
		return err
	}
	if err := push(b, sideB); err != nil {
		return err
	}
	for !allStale(&q, flags) {
		n := q.newest()
		f := visit(n, flags[n.oid])
		flags[n.oid] = f
		for _, p := range n.parents {
			if err := push(p, f); err != nil {
				return err
			}
		}
	}
	if end != nil {
		for oid, f := range flags {
			end(oid, f)
		}
	}
	return nil
}

// allStale looks at the newest first, which are the likeliest not to be.
func allStale(q *queue, flags map[hub.OID]uint8) bool {
	for _, c := range q.waiting {
		if flags[c.oid]&stale == 0 {
			return false
		}
	}
	return true
}
