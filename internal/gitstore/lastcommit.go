package gitstore

import (
	"context"
	"sync"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// lastCommits is what is known of one folder at one commit: name -> the last commit that changed it.
type lastCommits struct {
	mu sync.Mutex
	m  map[string]hub.OID
}

func (l *lastCommits) get(name string) (hub.OID, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oid, ok := l.m[name]
	return oid, ok
}

func (r *Repo) lastKey(commit hub.OID, dir string) factKey {
	return factKey{repo: r.id, kind: factLast, a: commit, path: dir}
}

// LastCommits is the last commit, at or before the given one, that changed each name of a folder; names that are not
// there are left out. What was found is kept, and a later commit's walk ends where it meets it.
func (r *Repo) LastCommits(ctx context.Context, commit hub.OID, dir string, names []string) (map[string]*CommitInfo, error) {
	w := &lastWalk{r: r, dir: dir, found: map[string]hub.OID{}, want: map[hub.OID][]string{}}
	if err := w.pass(ctx, commit, names); err != nil {
		return nil, err
	}
	for first := true; w.q.Len() > 0; first = false {
		if err := w.step(ctx, w.q.newest(), first); err != nil {
			return nil, err
		}
	}
	r.keepLast(commit, dir, w.found)
	out := make(map[string]*CommitInfo, len(w.found))
	byOID := map[hub.OID]*CommitInfo{}
	for name, oid := range w.found {
		info := byOID[oid]
		if info == nil {
			c, err := r.Commit(ctx, oid)
			if err != nil {
				return nil, err
			}
			info = &CommitInfo{oid, c}
			byOID[oid] = info
		}
		out[name] = info
	}
	return out, nil
}

func (r *Repo) keepLast(commit hub.OID, dir string, found map[string]hub.OID) {
	key := r.lastKey(commit, dir)
	l := &lastCommits{m: map[string]hub.OID{}}
	if v, ok := r.s.facts.Get(key); ok {
		l = v.(*lastCommits)
	}
	l.mu.Lock()
	weight := int64(64)
	for name, oid := range found {
		l.m[name] = oid
	}
	for name := range l.m {
		weight += int64(len(name)) + 80
	}
	l.mu.Unlock()
	r.s.facts.Put(key, l, weight)
}

// lastWalk goes back in history with the names that each commit still has to account for.
type lastWalk struct {
	r     *Repo
	dir   string
	q     queue
	want  map[hub.OID][]string
	found map[string]hub.OID
}

// pass gives names to a commit, but for those that are known there.
func (w *lastWalk) pass(ctx context.Context, commit hub.OID, names []string) error {
	if v, ok := w.r.s.facts.Get(w.r.lastKey(commit, w.dir)); ok {
		known := v.(*lastCommits)
		left := make([]string, 0, len(names))
		for _, name := range names {
			if oid, ok := known.get(name); ok {
				w.found[name] = oid
			} else {
				left = append(left, name)
			}
		}
		names = left
	}
	if len(names) == 0 {
		return nil
	}
	if _, queued := w.want[commit]; !queued {
		n, err := w.r.node(ctx, commit)
		if err != nil {
			return err
		}
		w.q.add(n)
	}
	w.want[commit] = append(w.want[commit], names...)
	return nil
}

func (w *lastWalk) step(ctx context.Context, n *node, first bool) error {
	names := w.want[n.oid]
	delete(w.want, n.oid)
	mine, err := w.folder(ctx, n.tree)
	if err != nil {
		return err
	}
	if first {
		names = present(mine, names)
	}
	for _, p := range n.parents {
		pn, err := w.r.node(ctx, p)
		if err != nil {
			return err
		}
		theirs, err := w.folder(ctx, pn.tree)
		if err != nil {
			return err
		}
		same, differ := split(theirs, mine, names)
		if err := w.pass(ctx, p, same); err != nil {
			return err
		}
		if names = differ; len(names) == 0 {
			return nil
		}
	}
	for _, name := range names {
		w.found[name] = n.oid
	}
	return nil
}

// folder is the folder's tree at a commit, empty when it is not there.
func (w *lastWalk) folder(ctx context.Context, root hub.OID) (*git.Tree, error) {
	e, err := w.r.entryOrNone(ctx, root, w.dir)
	if err != nil || !e.Mode.IsDir() {
		return emptyTree, err
	}
	return w.r.Tree(ctx, e.OID)
}

func present(t *git.Tree, names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if _, ok := t.Find(name); ok {
			out = append(out, name)
		}
	}
	return out
}

// split parts the names into those that are the same in both trees and those that are not.
func split(old, new *git.Tree, names []string) (same, differ []string) {
	if old == new {
		return names, nil
	}
	changed := map[string]bool{}
	_ = compareTrees(old, new, func(a, b git.TreeEntry) error {
		changed[a.Name], changed[b.Name] = true, true
		return nil
	})
	for _, name := range names {
		if changed[name] {
			differ = append(differ, name)
		} else {
			same = append(same, name)
		}
	}
	return same, differ
}
