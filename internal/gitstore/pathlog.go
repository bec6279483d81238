package gitstore

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// maxPathWalk bounds the commits that one search for the changes of a path looks at.
const maxPathWalk = 200_000

// CountPath is the number of commits in the history of from that changed a path, as Log lists them.
func (r *Repo) CountPath(ctx context.Context, from hub.OID, path string) (int, error) {
	all, err := r.pathLog(ctx, from, path)
	return len(all), err
}

// pathLog is all commits that changed a path, newest first. It is kept, and a later commit's search ends where the
// history has come down to one commit for which it was kept: a commit more costs one step. Do not change it.
func (r *Repo) pathLog(ctx context.Context, from hub.OID, path string) ([]hub.OID, error) {
	if all, ok := r.keptPathLog(from, path); ok {
		return all, nil
	}
	w := pathWalk{r: r, at: newPathFinder(r, path), seen: map[hub.OID]bool{}}
	if err := r.addParents(ctx, &w.q, w.seen, []hub.OID{from}); err != nil {
		return nil, err
	}
	for w.q.Len() > 0 {
		if len(w.seen) > maxPathWalk {
			return nil, errs.New(errs.Unprocessable, "The history is longer than the %d commits that are searched for changes of one path; clone the repository and use git log.", maxPathWalk)
		}
		n := w.q.newest()
		if rest, ok := r.keptPathLog(n.oid, path); ok && w.q.Len() == 0 {
			w.take(n.oid, rest)
			break
		}
		if err := w.step(ctx, n); err != nil {
			return nil, err
		}
	}
	r.s.facts.Put(r.pathLogKey(from, path), w.out, int64(len(w.out))*20+64)
	return w.out, nil
}

func (r *Repo) pathLogKey(from hub.OID, path string) factKey {
	return factKey{repo: r.id, kind: factPathLog, a: from, path: path}
}

func (r *Repo) keptPathLog(from hub.OID, path string) ([]hub.OID, bool) {
	v, ok := r.s.facts.Get(r.pathLogKey(from, path))
	if !ok {
		return nil, false
	}
	return v.([]hub.OID), true
}

// pathWalk goes back in history along the parents that matter for a path.
type pathWalk struct {
	r    *Repo
	at   *pathFinder
	q    queue
	seen map[hub.OID]bool
	out  []hub.OID
}

// take adds what was kept of the rest of the history, but for commits that a wrong clock brought up before.
func (w *pathWalk) take(from hub.OID, rest []hub.OID) {
	for _, oid := range rest {
		if !w.seen[oid] || oid == from {
			w.out = append(w.out, oid)
		}
	}
}

// step looks at one commit: it changed the path if no parent has the same there; else the first that has is followed.
func (w *pathWalk) step(ctx context.Context, n *node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine, err := w.at.in(ctx, n.tree)
	if err != nil {
		return err
	}
	for i, p := range n.parents {
		pn, err := w.r.node(ctx, p)
		if err != nil {
			return err
		}
		theirs, err := w.at.in(ctx, pn.tree)
		if err != nil {
			return err
		}
		if mine.OID == theirs.OID && mine.Mode == theirs.Mode {
			return w.r.addParents(ctx, &w.q, w.seen, n.parents[i:i+1])
		}
	}
	if len(n.parents) > 0 || !mine.OID.IsZero() {
		w.out = append(w.out, n.oid)
	}
	return w.r.addParents(ctx, &w.q, w.seen, n.parents)
}

// pathFinder looks a path up in many trees. Most commits share most folders, so it remembers what it found in each.
type pathFinder struct {
	r     *Repo
	segs  []string
	found map[pathKey]git.TreeEntry
}

type pathKey struct {
	folder hub.OID
	depth  int
}

const maxFound = 50_000 // folders that are remembered at once

func newPathFinder(r *Repo, path string) *pathFinder {
	return &pathFinder{r: r, segs: strings.Split(path, "/"), found: map[pathKey]git.TreeEntry{}}
}

// in is the entry at the path below a tree, zero when there is none.
func (f *pathFinder) in(ctx context.Context, tree hub.OID) (git.TreeEntry, error) {
	return f.below(ctx, pathKey{tree, 0})
}

func (f *pathFinder) below(ctx context.Context, key pathKey) (git.TreeEntry, error) {
	if e, ok := f.found[key]; ok {
		return e, nil
	}
	t, err := f.r.Tree(ctx, key.folder)
	if err != nil {
		return git.TreeEntry{}, err
	}
	e, ok := t.Lookup(f.segs[key.depth])
	switch last := key.depth == len(f.segs)-1; {
	case !ok || !last && !e.Mode.IsDir():
		e = git.TreeEntry{}
	case !last:
		if e, err = f.below(ctx, pathKey{e.OID, key.depth + 1}); err != nil {
			return e, err
		}
	}
	if len(f.found) >= maxFound {
		clear(f.found)
	}
	f.found[key] = e
	return e, nil
}
