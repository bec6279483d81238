package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/hub"
)

// maxApart is how many changes of either side are looked at before git is asked.
const maxApart = 10_000

// MergeApart merges trees of which two sides changed different files, where nobody could merge them otherwise: it gives
// the edits that make the merged tree of ours. ok is false where git must decide: both sides changed a path, or one side
// took files away and the other brought some, which git may take for a rename, of a file or a whole folder.
func (r *Repo) MergeApart(ctx context.Context, base, ours, theirs hub.OID) (edits []Edit, ok bool, err error) {
	mine, more, err := r.Diff(ctx, base, ours, DiffOptions{Limit: maxApart})
	if err != nil || more {
		return nil, false, err
	}
	others, more, err := r.Diff(ctx, base, theirs, DiffOptions{Limit: maxApart})
	if err != nil || more {
		return nil, false, err
	}
	if gone(mine) && added(others) || gone(others) && added(mine) {
		return nil, false, nil
	}
	changed := make(map[string]Change, len(mine))
	for _, c := range mine {
		changed[c.Path] = c
	}
	for _, c := range others {
		same, both := changed[c.Path]
		switch {
		case both && (same.NewOID != c.NewOID || same.NewMode != c.NewMode):
			return nil, false, nil
		case !both:
			edits = append(edits, Edit{Path: c.Path, Mode: c.NewMode, OID: c.NewOID, Delete: c.NewOID.IsZero()})
		}
	}
	return edits, true, nil
}

func gone(list []Change) bool {
	for _, c := range list {
		if c.NewOID.IsZero() {
			return true
		}
	}
	return false
}

func added(list []Change) bool {
	for _, c := range list {
		if c.OldOID.IsZero() {
			return true
		}
	}
	return false
}

// OnlyMergeBase is the best common ancestor of two commits if there is exactly one.
func (r *Repo) OnlyMergeBase(ctx context.Context, a, b hub.OID) (hub.OID, bool, error) {
	var found []hub.OID
	err := r.paint(ctx, a, b, func(n *node, flags uint8) uint8 {
		if flags&sideBoth == sideBoth && flags&stale == 0 {
			found = append(found, n.oid)
			return flags | stale
		}
		return flags
	}, nil)
	if err != nil || len(found) != 1 {
		return hub.OID{}, false, err
	}
	return found[0], true, nil
}
