package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// maxRewritten bounds the objects that one rewriting makes, each of which takes about 200 bytes of memory.
const maxRewritten = 1_000_000

// Rewrite makes a history anew without some of its files. What does not change keeps its id and is not written; each
// tree and each commit is looked at once, however many refs lead to it. It keeps what it found out, so that asking again
// after refs have moved costs what is new. It is not safe for concurrent use.
type Rewrite struct {
	r       *Repo
	w       *PackWriter
	drop    func(Info) bool
	kept    objectSet           // trees and commits that stay as they are
	changed map[hub.OID]hub.OID // what the others become; zero: nothing is left of it
	held    int64               // bytes of the folders on the way down

	scanned   map[*pack]bool
	concerned bool
}

// maxHeldTrees bounds the folders that lead to the one being looked at, which are held meanwhile.
const maxHeldTrees = 128 << 20

// NewRewrite prepares to rewrite what a view shows: entries of files for which drop is true vanish, and the folders that
// they leave empty. Write says where new objects go.
func NewRewrite(r *Repo, drop func(Info) bool) *Rewrite {
	return &Rewrite{r: r, drop: drop, kept: newObjectSet(r.st.Load()), changed: map[hub.OID]hub.OID{}, scanned: map[*pack]bool{}}
}

// Concerned reports whether the repository, as it is now, has any of the files at all. It looks into the catalogs only.
func (rw *Rewrite) Concerned(ctx context.Context) (bool, error) {
	if _, err := rw.r.catchUp(ctx); err != nil {
		return false, err
	}
	for _, p := range rw.r.st.Load().all() {
		for i := 0; i < p.cat.Len() && !rw.concerned && !rw.scanned[p]; i++ {
			rw.concerned = p.cat.Kind(i) == git.KindBlob && rw.drop(Info{Size: p.cat.Size(i), Pointer: p.cat.Pointer(i)})
		}
		rw.scanned[p] = true
	}
	return rw.concerned, nil
}

// Write sets where objects go from now on: those made before are in the pack that was set before.
func (rw *Rewrite) Write(w *PackWriter) {
	rw.w = w
	w.builtOn(rw.r)
}

// maxTagDepth is how many tags of tags are followed.
const maxTagDepth = 10

// Object is what a ref's object becomes: a commit, a tag, a tree or a file. Zero: nothing is left of it. errs.TooLarge:
// the history is too large to be rewritten here.
func (rw *Rewrite) Object(ctx context.Context, oid hub.OID) (hub.OID, error) {
	return rw.object(ctx, oid, 0)
}

func (rw *Rewrite) object(ctx context.Context, oid hub.OID, depth int) (hub.OID, error) {
	kind, _ := rw.r.Kind(oid)
	switch kind {
	case git.KindTag:
		if depth > maxTagDepth {
			return oid, errs.New(errs.Unprocessable, "Tags of tags are nested deeper than %d", maxTagDepth)
		}
		return rw.tag(ctx, oid, depth)
	case git.KindTree:
		return rw.root(ctx, oid)
	case git.KindBlob:
		if info, err := rw.r.BlobInfo(ctx, oid); err != nil || rw.drop(info) {
			return hub.OID{}, err
		}
		return oid, nil
	}
	if err := rw.history(ctx, oid); err != nil {
		return oid, err
	}
	return rw.now(oid), nil
}

// now is what a commit that was looked at has become.
func (rw *Rewrite) now(oid hub.OID) hub.OID {
	if is, ok := rw.changed[oid]; ok {
		return is
	}
	return oid
}

func (rw *Rewrite) done(oid hub.OID) bool {
	_, changed := rw.changed[oid]
	return changed || rw.kept.has(oid)
}

func (rw *Rewrite) tag(ctx context.Context, oid hub.OID, depth int) (hub.OID, error) {
	data, err := rw.r.object(ctx, oid, git.KindTag, git.MaxWhole)
	if err != nil {
		return oid, err
	}
	t, err := git.ParseTag(data)
	if err != nil {
		return oid, wrapGit(err)
	}
	to, err := rw.object(ctx, t.Object, depth+1)
	if err != nil || to == t.Object || to.IsZero() {
		return keepIf(to == t.Object, oid), err
	}
	if data, err = git.RewriteTag(data, to); err != nil {
		return oid, wrapGit(err)
	}
	return rw.w.AddBytes(git.KindTag, data)
}

func keepIf(yes bool, oid hub.OID) hub.OID {
	if yes {
		return oid
	}
	return hub.OID{}
}

// history goes through a commit and all behind it, parents first, without recursion: histories are long.
func (rw *Rewrite) history(ctx context.Context, tip hub.OID) error {
	for stack := []hub.OID{tip}; len(stack) > 0; {
		oid := stack[len(stack)-1]
		if rw.done(oid) {
			stack = stack[:len(stack)-1]
			continue
		}
		n, err := rw.r.node(ctx, oid)
		if err != nil {
			return err
		}
		open := false
		for _, p := range n.parents {
			if !rw.done(p) {
				stack, open = append(stack, p), true
			}
		}
		if open {
			continue
		}
		if err := rw.commit(ctx, n); err != nil {
			return err
		}
		stack = stack[:len(stack)-1]
	}
	return nil
}

func (rw *Rewrite) commit(ctx context.Context, n *node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tree, err := rw.root(ctx, n.tree)
	if err != nil {
		return err
	}
	parents, same := make([]hub.OID, len(n.parents)), tree == n.tree
	for i, p := range n.parents {
		parents[i] = rw.now(p)
		same = same && parents[i] == p
	}
	if same {
		rw.kept.add(n.oid)
		return nil
	}
	data, err := rw.r.object(ctx, n.oid, git.KindCommit, git.MaxWhole)
	if err != nil {
		return err
	}
	if data, err = git.RewriteCommit(data, tree, parents); err != nil {
		return wrapGit(err)
	}
	return rw.put(git.KindCommit, n.oid, data)
}

// put writes what an object becomes.
func (rw *Rewrite) put(kind git.Kind, was hub.OID, data []byte) error {
	if len(rw.changed) >= maxRewritten {
		return errs.New(errs.TooLarge, "More than %d commits and folders would have to be made anew. Rewrite a clone with git filter-repo and push it instead", maxRewritten)
	}
	is, err := rw.w.AddBytes(kind, data)
	if err == nil {
		rw.changed[was] = is
	}
	return err
}

// root is the tree of a commit: one without entries is written as such.
func (rw *Rewrite) root(ctx context.Context, oid hub.OID) (hub.OID, error) {
	is, err := rw.tree(ctx, oid, 0)
	if err == nil && is.IsZero() {
		return rw.w.AddBytes(git.KindTree, nil)
	}
	return is, err
}

// tree is what a folder becomes; zero: nothing is left in it.
func (rw *Rewrite) tree(ctx context.Context, oid hub.OID, depth int) (hub.OID, error) {
	if oid == git.EmptyTree || rw.done(oid) {
		return rw.now(oid), nil
	}
	if depth > maxTreeDepth {
		return oid, errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	}
	// Not through the cache of objects: a walk over a long history would empty it.
	data, err := rw.r.object(ctx, oid, git.KindTree, git.MaxWhole)
	if err != nil {
		return oid, err
	}
	if rw.held += int64(len(data)); rw.held > maxHeldTrees {
		return oid, errs.New(errs.Unprocessable, "Folders that lie in each other are larger than %d bytes together", maxHeldTrees)
	}
	t, err := git.ParseTree(data)
	if err != nil {
		return oid, wrapGit(err)
	}
	ch, err := rw.entries(ctx, t, depth)
	rw.held -= int64(len(data))
	if err != nil {
		return oid, err
	}
	if len(ch.removed) == 0 {
		rw.kept.add(oid)
		return oid, nil
	}
	raw := ch.apply(t)
	if len(raw) == 0 {
		rw.changed[oid] = hub.OID{}
		return hub.OID{}, nil
	}
	err = rw.put(git.KindTree, oid, raw)
	return rw.now(oid), err
}

func (rw *Rewrite) entries(ctx context.Context, t *git.Tree, depth int) (ch treeChange, err error) {
	for i := range t.Len() {
		e := t.At(i)
		is, err := rw.entry(ctx, e, depth)
		if err != nil {
			return ch, err
		}
		if is == e.OID {
			continue
		}
		ch.removed = append(ch.removed, i)
		if !is.IsZero() {
			ch.added = append(ch.added, git.TreeEntry{Name: e.Name, Mode: e.Mode, OID: is})
		}
	}
	return ch, nil
}

func (rw *Rewrite) entry(ctx context.Context, e git.TreeEntry, depth int) (hub.OID, error) {
	switch {
	case e.Mode.IsDir():
		return rw.tree(ctx, e.OID, depth+1)
	case e.Mode.IsBlob() && e.Mode != git.ModeSymlink:
		info, err := rw.r.BlobInfo(ctx, e.OID)
		if err != nil || rw.drop(info) {
			return hub.OID{}, err
		}
	}
	return e.OID, nil
}

// objectSet is a set of a repository's objects: a bit for each that was there when the set was made.
type objectSet struct {
	st    *state
	bits  map[*pack][]uint64
	newer map[hub.OID]bool
}

func newObjectSet(st *state) objectSet {
	return objectSet{st: st, bits: map[*pack][]uint64{}, newer: map[hub.OID]bool{}}
}

func (s objectSet) has(oid hub.OID) bool {
	p, i, ok := s.st.find(oid)
	if !ok {
		return s.newer[oid]
	}
	b := s.bits[p]
	return b != nil && b[i/64]&(1<<(i%64)) != 0 || s.newer[oid]
}

func (s objectSet) add(oid hub.OID) {
	p, i, ok := s.st.find(oid)
	if !ok {
		s.newer[oid] = true
		return
	}
	if s.bits[p] == nil {
		s.bits[p] = make([]uint64, (p.cat.Len()+63)/64)
	}
	s.bits[p][i/64] |= 1 << (i % 64)
}
