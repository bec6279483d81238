package gitstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Spot says where in a repository something is.
type Spot struct {
	Ref    string  // refs/heads/main: the first by which it is reached
	Commit hub.OID // the first, newest first, that has it; zero: none
	Tip    bool    // the ref names this commit
	Path   string  // in the commit's tree; empty: the commit, its tree or what the ref names
}

// Revision is how people call the place in time: the ref's short name for its own commit, else the commit.
func (s Spot) Revision() string {
	if s.Tip || s.Commit.IsZero() {
		return hub.ShortRef(s.Ref)
	}
	return s.Commit.String()
}

// Check is what CheckReach tells.
type Check struct {
	// Blob is told of each file's object, each once; pointer is nil for a file that is in git. An error ends the walk.
	Blob func(oid hub.OID, at Spot, pointer *git.Pointer) error
	// Problem is told of each object that a ref reaches and that is absent, cannot be read or is not what it is called;
	// errs.Gone: it was given up as lost.
	Problem func(oid hub.OID, at Spot, err error)
}

// CheckReach walks all that a repository's refs reach: each commit, folder and tag is read, of files it is seen that they
// are there. What cannot be read is told and passed over. It holds a bit per object and the open commits. Who finds a
// problem looks again: refs and packs may have changed under the walk.
func (s *Store) CheckReach(ctx context.Context, repoID string, c Check) error {
	refs, err := s.Refs(ctx, s.db, repoID, "refs/")
	if err != nil {
		return err
	}
	r, err := s.Open(ctx, repoID) // after the refs: it has at least what they name
	if err != nil {
		return err
	}
	w := &checkWalk{reachWalk: reachWalk{r: r, seen: map[*pack][]uint64{}}, c: c}
	w.st = r.st.Load()
	slices.SortStableFunc(refs, func(a, b Ref) int { return refRank(a.Name) - refRank(b.Name) })
	for _, ref := range refs {
		if err := w.ref(ctx, ref); err != nil {
			return errs.Wrap("gitstore.CheckReach", err)
		}
	}
	return nil
}

// refRank puts first what people look at.
func refRank(name string) int {
	switch {
	case name == "refs/heads/"+DefaultBranch:
		return 0
	case len(name) > 11 && name[:11] == "refs/heads/":
		return 1
	}
	return 2
}

type checkWalk struct {
	reachWalk
	c Check
}

// problem tells of an object, unless the walk itself was ended.
func (w *checkWalk) problem(ctx context.Context, oid hub.OID, at Spot, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errs.Is(err, errs.Unavailable) { // the store does not answer: that says nothing about the object
		return err
	}
	if errs.Is(err, errs.NotFound) { // unless it was given up
		if err = w.r.s.absent(ctx, w.r.id, oid); !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Gone) {
			return err
		}
	}
	w.c.Problem(oid, at, err)
	return nil
}

// take marks an object. fresh: it was not marked before and is there; one that is absent is told.
func (w *checkWalk) take(ctx context.Context, oid hub.OID, at Spot) (kind git.Kind, fresh bool, err error) {
	bits, i, ok := w.place(oid)
	if !ok {
		if oid == git.EmptyTree {
			return git.KindTree, false, nil
		}
		return 0, false, w.problem(ctx, oid, at, notFound(oid))
	}
	p, _, _ := w.st.find(oid)
	kind = p.cat.Kind(i)
	if bits[i/64]&(1<<(i%64)) != 0 {
		return kind, false, nil
	}
	bits[i/64] |= 1 << (i % 64)
	return kind, true, nil
}

// ref walks what a ref reaches and no earlier one did.
func (w *checkWalk) ref(ctx context.Context, ref Ref) error {
	at, oid := Spot{Ref: ref.Name}, ref.OID
	for {
		kind, fresh, err := w.take(ctx, oid, at)
		if err != nil || !fresh {
			return err
		}
		switch kind {
		case git.KindTag:
			t, err := w.r.Tag(ctx, oid)
			if err != nil {
				return w.problem(ctx, oid, at, err)
			}
			oid = t.Object
			continue
		case git.KindCommit:
			return w.history(ctx, oid, at)
		case git.KindTree:
			return w.folders(ctx, oid, at)
		}
		return w.blob(ctx, oid, at)
	}
}

// history walks commits, newest first, from a tip that is marked.
func (w *checkWalk) history(ctx context.Context, tip hub.OID, at Spot) error {
	var q queue
	add := func(oid hub.OID) error {
		n, err := w.r.node(ctx, oid)
		if err != nil {
			return w.problem(ctx, oid, Spot{Ref: at.Ref, Commit: oid, Tip: oid == tip}, err)
		}
		q.add(n)
		return nil
	}
	if err := add(tip); err != nil {
		return err
	}
	for q.Len() > 0 {
		n := q.newest()
		here := Spot{Ref: at.Ref, Commit: n.oid, Tip: n.oid == tip}
		if err := w.tree(ctx, n.tree, here); err != nil {
			return err
		}
		for _, parent := range n.parents {
			kind, fresh, err := w.take(ctx, parent, here)
			if err != nil {
				return err
			}
			if !fresh {
				continue
			}
			if kind != git.KindCommit {
				err = w.problem(ctx, parent, here, fmt.Errorf("a parent that is a %s", kind))
			} else {
				err = add(parent)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *checkWalk) tree(ctx context.Context, oid hub.OID, at Spot) error {
	kind, fresh, err := w.take(ctx, oid, at)
	if err != nil || !fresh {
		return err
	}
	if kind != git.KindTree {
		return w.problem(ctx, oid, at, fmt.Errorf("a folder that is a %s", kind))
	}
	return w.folders(ctx, oid, at)
}

// folders walks a folder that is marked and all below it. Of the folders that lead to the one being read, none is held.
func (w *checkWalk) folders(ctx context.Context, oid hub.OID, at Spot) error {
	type folder struct {
		oid  hub.OID
		path string
	}
	for todo := []folder{{oid, at.Path}}; len(todo) > 0; {
		f := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if err := ctx.Err(); err != nil {
			return err
		}
		here := at
		here.Path = f.path
		data, err := w.r.object(ctx, f.oid, git.KindTree, git.MaxWhole)
		var t *git.Tree
		if err == nil {
			t, err = git.ParseTree(data)
		}
		if err != nil {
			if err = w.problem(ctx, f.oid, here, err); err != nil {
				return err
			}
			continue
		}
		for i := range t.Len() {
			e := t.At(i)
			here.Path = join(f.path, e.Name)
			below, err := w.entry(ctx, &e, here)
			if err != nil {
				return err
			}
			if below {
				todo = append(todo, folder{e.OID, here.Path})
			}
		}
	}
	return nil
}

// entry looks at one entry of a folder; below: it is a folder to be read.
func (w *checkWalk) entry(ctx context.Context, e *git.TreeEntry, at Spot) (below bool, err error) {
	want := git.KindBlob
	switch {
	case e.Mode.IsDir():
		want = git.KindTree
	case !e.Mode.IsBlob(): // a submodule's commit is elsewhere
		return false, nil
	}
	kind, fresh, err := w.take(ctx, e.OID, at)
	switch {
	case err != nil || !fresh:
		return false, err
	case kind != want:
		return false, w.problem(ctx, e.OID, at, fmt.Errorf("a %s where the folder names a %s", kind, want))
	case want == git.KindTree:
		return true, nil
	}
	return false, w.blob(ctx, e.OID, at)
}

func (w *checkWalk) blob(ctx context.Context, oid hub.OID, at Spot) error {
	info, err := w.r.BlobInfo(ctx, oid)
	if err != nil {
		return w.problem(ctx, oid, at, err)
	}
	return w.c.Blob(oid, at, info.Pointer)
}
