package gitstore

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// maxFolders bounds the folders that one look through a history reads, each at each path once.
const maxFolders = 1_000_000

// LargeFiles calls visit with each large file that the trees of some commits, tags or trees name, as often as they do.
func (r *Repo) LargeFiles(ctx context.Context, oids []hub.OID, visit func(path string, p *git.Pointer)) error {
	w := newPointerWalk(r, visit)
	for _, oid := range oids {
		peeled, err := r.peelTag(ctx, oid)
		if err != nil {
			return errs.Wrap("gitstore.LargeFiles", err)
		}
		if peeled.IsZero() {
			peeled = oid
		}
		if err := w.object(ctx, peeled); err != nil {
			return errs.Wrap("gitstore.LargeFiles", err)
		}
	}
	return nil
}

// LargeHistory calls visit with each large file that the commits behind some commits or tags name, themselves included,
// each commit before its parents, and of those side by side
// the newest first: what a path was last comes before what it was earlier. A file may come again. A history of
// more than a million folders is errs.Unprocessable.
func (r *Repo) LargeHistory(ctx context.Context, oids []hub.OID, visit func(path string, p *git.Pointer)) error {
	return errs.Wrap("gitstore.LargeHistory", r.largeHistory(ctx, oids, visit))
}

func (r *Repo) largeHistory(ctx context.Context, oids []hub.OID, visit func(path string, p *git.Pointer)) error {
	var tips []hub.OID
	for _, oid := range oids {
		peeled, err := r.peelTag(ctx, oid)
		if err != nil {
			return err
		}
		if peeled.IsZero() {
			peeled = oid
		}
		kind, ok := r.Kind(peeled)
		if !ok {
			return notFound(peeled) // what is not seen must not pass for naming nothing
		}
		if kind == git.KindCommit {
			tips = append(tips, peeled)
		}
	}
	nodes, children, err := r.family(ctx, tips)
	if err != nil {
		return err
	}
	var q queue
	for _, oid := range tips {
		if n := nodes[oid]; children[oid] == 0 {
			children[oid] = -1 // a tip that comes twice is one
			q.add(n)
		}
	}
	w := newPointerWalk(r, visit)
	for q.Len() > 0 {
		n := q.newest()
		if err := w.object(ctx, n.oid); err != nil {
			return err
		}
		for _, p := range n.parents {
			if children[p]--; children[p] == 0 {
				q.add(nodes[p])
			}
		}
	}
	return nil
}

// family is all commits that some have behind them, and how many of them name each as a parent: one that was given the
// same time as its parent, or an earlier one, still comes first.
func (r *Repo) family(ctx context.Context, tips []hub.OID) (nodes map[hub.OID]*node, children map[hub.OID]int, err error) {
	nodes, children = map[hub.OID]*node{}, map[hub.OID]int{}
	for todo := slices.Clone(tips); len(todo) > 0; {
		oid := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if nodes[oid] != nil {
			continue
		}
		if len(nodes) >= maxFolders {
			return nil, nil, errs.New(errs.Unprocessable, "The history has more than %d commits", maxFolders)
		}
		if nodes[oid], err = r.node(ctx, oid); err != nil {
			return nil, nil, err
		}
		for _, p := range nodes[oid].parents {
			children[p]++
			todo = append(todo, p)
		}
	}
	return nodes, children, nil
}

// pointerWalk reads each folder once at each path.
type pointerWalk struct {
	r     *Repo
	visit func(path string, p *git.Pointer)
	seen  map[folderAt]bool
}

type folderAt struct {
	path string
	oid  hub.OID
}

func newPointerWalk(r *Repo, visit func(string, *git.Pointer)) *pointerWalk {
	return &pointerWalk{r: r, visit: visit, seen: map[folderAt]bool{}}
}

// object looks through what a ref may name in the end.
func (w *pointerWalk) object(ctx context.Context, oid hub.OID) error {
	kind, ok := w.r.Kind(oid)
	if !ok {
		return notFound(oid)
	}
	switch kind {
	case git.KindCommit:
		c, err := w.r.Commit(ctx, oid)
		if err != nil {
			return err
		}
		return w.folder(ctx, c.Tree, "", 0)
	case git.KindTree:
		return w.folder(ctx, oid, "", 0)
	case git.KindBlob:
		return w.blob(ctx, oid, "")
	}
	return nil
}

func (w *pointerWalk) blob(ctx context.Context, oid hub.OID, path string) error {
	info, err := w.r.BlobInfo(ctx, oid)
	if err == nil && info.Pointer != nil {
		w.visit(path, info.Pointer)
	}
	return err
}

func (w *pointerWalk) folder(ctx context.Context, oid hub.OID, dir string, depth int) error {
	at := folderAt{dir, oid}
	if w.seen[at] {
		return nil
	}
	if len(w.seen) >= maxFolders {
		return errs.New(errs.Unprocessable, "The history has more than %d folders", maxFolders)
	}
	if depth > maxTreeDepth {
		return errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.seen[at] = true
	t, err := w.r.Tree(ctx, oid)
	if err != nil {
		return err
	}
	for i := range t.Len() {
		e := t.At(i)
		switch {
		case e.Mode.IsDir():
			if err := w.folder(ctx, e.OID, join(dir, e.Name), depth+1); err != nil {
				return err
			}
		case e.Mode.IsBlob():
			if err := w.blob(ctx, e.OID, join(dir, e.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}
