package gitstore

import (
	"context"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Edit changes one path of a tree. Mode git.ModeDir with a tree's id puts a whole folder there. Delete removes a file or
// a folder with all below; a Delete and a write of one path, or of paths below it, replace what was there.
type Edit struct {
	Path   string
	Mode   git.Mode
	OID    hub.OID
	Delete bool
}

// maxTreeDepth is the deepest nesting of folders that is followed, as in git (core.maxTreeDepth).
const maxTreeDepth = 2048

// EditTree applies edits to the tree base (zero: empty) and returns the id of the new root. It loads and writes only
// the trees on the edited paths, each once; folders that become empty disappear. The new trees go to w.
//
// errs.Invalid: a path that git would refuse, one path twice, a file where a folder is or the reverse.
// errs.EntryNotFound: a Delete of what is not there.
func (r *Repo) EditTree(ctx context.Context, w *PackWriter, base hub.OID, edits []Edit) (hub.OID, error) {
	sorted, err := sortEdits(edits)
	if err != nil {
		return hub.OID{}, err
	}
	w.builtOn(r)
	ed := &editor{r: r, w: w}
	root, err := ed.folder(ctx, base, 0, sorted, false)
	if err != nil {
		return hub.OID{}, err
	}
	if root.IsZero() {
		return w.AddBytes(git.KindTree, nil)
	}
	return root, nil
}

// sortEdits checks the edits and puts those of one folder together: the slash sorts before all other bytes.
func sortEdits(edits []Edit) ([]Edit, error) {
	for i := range edits {
		if err := checkEdit(&edits[i]); err != nil {
			return nil, err
		}
	}
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if c := comparePaths(a.Path, b.Path); c != 0 {
			return c
		}
		return deleteFirst(a) - deleteFirst(b)
	})
	for i := 1; i < len(sorted); i++ {
		if a, b := &sorted[i-1], &sorted[i]; a.Path == b.Path && a.Delete == b.Delete {
			return nil, errs.New(errs.Invalid, "Path %q is given twice", a.Path)
		}
	}
	return sorted, nil
}

func deleteFirst(e Edit) int {
	if e.Delete {
		return 0
	}
	return 1
}

func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '/' || (b[i] != '/' && a[i] < b[i]) {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

func checkEdit(e *Edit) error {
	if err := git.CheckPath(e.Path); err != nil {
		return errs.New(errs.Invalid, "Invalid path %q: %v", e.Path, err)
	}
	if e.Delete {
		return nil
	}
	if !e.Mode.Known() || e.OID.IsZero() {
		return errs.New(errs.Invalid, "Path %q has mode %s and object %s", e.Path, e.Mode, e.OID)
	}
	if name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]; e.Mode == git.ModeSymlink && git.IsGitModules(name) {
		return errs.New(errs.Invalid, "Path %q must not be a symbolic link", e.Path)
	}
	return nil
}

// editor applies the edits of one EditTree.
type editor struct {
	r *Repo
	w *PackWriter
}

// folder applies edits to the tree oid, whose path takes the first at bytes of theirs. It returns zero for a folder
// without entries. cleared: a parent was deleted first, so deletions below it find nothing and are fine.
func (ed *editor) folder(ctx context.Context, oid hub.OID, at int, edits []Edit, cleared bool) (hub.OID, error) {
	t, err := ed.tree(ctx, oid)
	if err != nil {
		return hub.OID{}, err
	}
	var ch treeChange
	for len(edits) > 0 {
		g := nextGroup(edits, at)
		edits = edits[g.len:]
		old, found := t.Find(g.name)
		var was git.TreeEntry
		if found {
			was = t.At(old)
		}
		is, err := ed.entry(ctx, was, g, at, cleared)
		if err != nil {
			return hub.OID{}, err
		}
		if is == was {
			continue
		}
		if found {
			ch.removed = append(ch.removed, old)
		}
		if !is.OID.IsZero() {
			ch.added = append(ch.added, is)
		}
	}
	if len(ch.removed) == 0 && len(ch.added) == 0 && t.Len() > 0 {
		return oid, nil
	}
	return ed.write(ch.apply(t))
}

func (ed *editor) tree(ctx context.Context, oid hub.OID) (*git.Tree, error) {
	if oid.IsZero() {
		return emptyTree, nil
	}
	if t := ed.w.trees[oid]; t != nil {
		return t, nil
	}
	return ed.r.Tree(ctx, oid)
}

// write stores a tree and keeps it parsed: the next commit to this folder begins with it.
func (ed *editor) write(raw []byte) (hub.OID, error) {
	if len(raw) == 0 {
		return hub.OID{}, nil
	}
	if len(raw) > git.MaxTree {
		return hub.OID{}, errs.New(errs.TooLarge, "A folder's list of files may have %d bytes, about 400,000 files. Spread them over folders.", git.MaxTree)
	}
	oid, err := ed.w.AddBytes(git.KindTree, raw)
	if err != nil {
		return oid, err
	}
	t, err := git.ParseTree(raw)
	if err != nil {
		return oid, wrapGit(err)
	}
	ed.w.trees[oid] = t
	ed.r.s.objects.Put(objectKey{ed.r.id, oid}, t, t.Weight())
	return oid, nil
}

// group is the edits of one entry of a folder: on itself, and below it.
type group struct {
	name     string
	len      int
	del, set *Edit
	below    []Edit
}

func nextGroup(edits []Edit, at int) group {
	var g group
	g.name, _, _ = cut(edits[0].Path[at:])
	end := at + len(g.name)
	for i := range edits {
		e := &edits[i]
		if len(e.Path) < end || e.Path[at:end] != g.name || (len(e.Path) > end && e.Path[end] != '/') {
			break
		}
		g.len++
		switch {
		case len(e.Path) > end && g.below == nil:
			g.below = edits[i:]
		case len(e.Path) > end:
		case e.Delete:
			g.del = e
		default:
			g.set = e
		}
	}
	if g.below != nil {
		g.below = g.below[:len(g.below)-(len(edits)-g.len)]
	}
	return g
}

// entry is what a group makes of an entry; a zero OID in either means that there is none.
func (ed *editor) entry(ctx context.Context, was git.TreeEntry, g group, at int, cleared bool) (git.TreeEntry, error) {
	end := at + len(g.name)
	if g.del != nil {
		if was.OID.IsZero() && !cleared {
			return was, errs.EntryNotFound(g.del.Path)
		}
		was, cleared = git.TreeEntry{}, true
	}
	is := was
	if len(g.below) > 0 {
		var err error
		if is, err = ed.below(ctx, was, g, end, cleared); err != nil {
			return is, err
		}
	}
	if g.set == nil {
		return is, nil
	}
	if !is.OID.IsZero() && (is.Mode.IsDir() || g.set.Mode.IsDir()) && (is.Mode != g.set.Mode || len(g.below) > 0) {
		return is, ed.clash(ctx, is, g)
	}
	return git.TreeEntry{Name: g.name, Mode: g.set.Mode, OID: g.set.OID}, nil
}

// below applies the edits below an entry, which must be a folder or absent.
func (ed *editor) below(ctx context.Context, was git.TreeEntry, g group, end int, cleared bool) (git.TreeEntry, error) {
	if !was.OID.IsZero() && !was.Mode.IsDir() {
		if e := firstWrite(g.below); e != nil {
			return was, errs.New(errs.Invalid, "Cannot write %q: %q is a file", e.Path, e.Path[:end])
		}
		return was, errs.EntryNotFound(g.below[0].Path)
	}
	if strings.Count(g.below[0].Path[:end], "/") >= maxTreeDepth {
		return was, errs.New(errs.Invalid, "Path %q is nested too deeply", g.below[0].Path)
	}
	oid, err := ed.folder(ctx, was.OID, end+1, g.below, cleared)
	if err != nil || oid.IsZero() {
		return git.TreeEntry{}, err
	}
	return git.TreeEntry{Name: g.name, Mode: git.ModeDir, OID: oid}, nil
}

func firstWrite(edits []Edit) *Edit {
	for i := range edits {
		if !edits[i].Delete {
			return &edits[i]
		}
	}
	return nil
}

// clash names both paths of a file and a folder of one name.
func (ed *editor) clash(ctx context.Context, is git.TreeEntry, g group) error {
	if e := firstWrite(g.below); e != nil {
		return errs.New(errs.Invalid, "Cannot write both %q and %q", g.set.Path, e.Path)
	}
	if !is.Mode.IsDir() {
		return errs.New(errs.Invalid, "Cannot write folder %q: %q is a file", g.set.Path, g.set.Path)
	}
	inside := g.set.Path
	if t, err := ed.tree(ctx, is.OID); err == nil && t.Len() > 0 {
		inside = join(inside, t.At(0).Name)
	}
	return errs.New(errs.Invalid, "Cannot write file %q: it is a folder that holds %q", g.set.Path, inside)
}

// treeChange is entries to leave out of a tree, by index, and entries to put in.
type treeChange struct {
	removed []int
	added   []git.TreeEntry
}

// apply copies what stays in spans, so that a small change of a large folder is a copy of its bytes.
func (c *treeChange) apply(t *git.Tree) []byte {
	slices.Sort(c.removed)
	git.SortEntries(c.added)
	size := len(t.Raw())
	for _, e := range c.added {
		size += len(e.Name) + 28
	}
	raw := make([]byte, 0, size)
	pos, rm := 0, c.removed
	upTo := func(i int) { // copies what stays before entry i
		for len(rm) > 0 && rm[0] < i {
			raw = append(raw, t.Span(pos, rm[0])...)
			pos, rm = rm[0]+1, rm[1:]
		}
		if pos < i {
			raw = append(raw, t.Span(pos, i)...)
			pos = i
		}
	}
	for _, e := range c.added {
		upTo(t.Seek(e.Name, e.Mode.IsDir()))
		raw = git.AppendEntry(raw, e)
	}
	upTo(t.Len())
	return raw
}
