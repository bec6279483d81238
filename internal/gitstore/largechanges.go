package gitstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// LargeFile is a large file at a path of a tree.
type LargeFile struct {
	Path    string
	Pointer git.Pointer
}

// LargeChanges finds the large files that a tree names where another does not: what a change takes from somewhere, from
// an old commit for instance. A file that the change takes away at one path and names at another has only moved, and is
// left out. Folders that are equal on both sides are not read, and a pair of folders is read once, also in later calls.
type LargeChanges struct {
	tree    func(ctx context.Context, oid hub.OID) (*git.Tree, error)
	pointer func(oid hub.OID) (*git.Pointer, error) // nil: no large file, or one that need not be found
	seen    map[[2]hub.OID]bool
	read    int
	old     map[hub.OID]bool // pointers that are taken away
	found   map[hub.OID]LargeFile
}

// LargeChanges compares trees of the repository.
func (r *Repo) LargeChanges() *LargeChanges {
	return largeChanges(r.Tree, func(oid hub.OID) (*git.Pointer, error) {
		info, err := r.BlobInfo(context.Background(), oid)
		return info.Pointer, err
	})
}

// LargeChanges compares trees of the repository and the pack. It finds pointers that the repository has already: those
// that only the pack brings are looked at when its objects are.
func (in *Incoming) LargeChanges() *LargeChanges {
	return largeChanges(in.Tree, func(oid hub.OID) (*git.Pointer, error) {
		if !in.copy.view.Has(oid) {
			return nil, nil
		}
		info, err := in.copy.view.BlobInfo(context.Background(), oid)
		return info.Pointer, err
	})
}

// LargeChanges compares trees of the repository with the one that was merged.
func (m *Merged) LargeChanges() *LargeChanges {
	return largeChanges(m.readTree, func(oid hub.OID) (*git.Pointer, error) {
		if m.view.Has(oid) {
			info, err := m.view.BlobInfo(context.Background(), oid)
			return info.Pointer, err
		}
		_, data, err := m.loose(oid, git.MaxPointer)
		if errs.Is(err, errs.TooLarge) {
			return nil, nil
		}
		if p, ok := git.ParsePointer(data); ok && err == nil {
			return &p, nil
		}
		return nil, err
	})
}

func largeChanges(tree func(context.Context, hub.OID) (*git.Tree, error), pointer func(hub.OID) (*git.Pointer, error)) *LargeChanges {
	return &LargeChanges{tree: tree, pointer: pointer, seen: map[[2]hub.OID]bool{}}
}

// Between compares two trees (zero: empty), and gives what the second names anew, by path.
func (c *LargeChanges) Between(ctx context.Context, from, to hub.OID) ([]LargeFile, error) {
	c.old, c.found = map[hub.OID]bool{}, map[hub.OID]LargeFile{}
	err := c.folder(ctx, orEmpty(from), orEmpty(to), "", 0)
	return c.fresh(), errs.Wrap("gitstore.LargeChanges", err)
}

// Of gives what edits of a tree name anew.
func (c *LargeChanges) Of(ctx context.Context, base hub.OID, edits []Edit) ([]LargeFile, error) {
	c.old, c.found = map[hub.OID]bool{}, map[hub.OID]LargeFile{}
	for _, e := range edits {
		old, err := entryAt(ctx, c.tree, orEmpty(base), e.Path)
		if errs.Is(err, errs.NotFound) {
			old, err = &git.TreeEntry{}, nil
		}
		now := git.TreeEntry{Mode: e.Mode, OID: e.OID}
		if e.Delete {
			now = git.TreeEntry{}
		}
		if err == nil {
			err = c.entry(ctx, *old, now, e.Path, 0)
		}
		if err != nil {
			return nil, errs.Wrap("gitstore.LargeChanges", err)
		}
	}
	return c.fresh(), nil
}

// Again lets the following calls find what earlier ones have found; the bound of all stays.
func (c *LargeChanges) Again() { clear(c.seen) }

func orEmpty(tree hub.OID) hub.OID {
	if tree.IsZero() {
		return git.EmptyTree
	}
	return tree
}

func (c *LargeChanges) fresh() (list []LargeFile) {
	for oid, f := range c.found {
		if !c.old[oid] {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b LargeFile) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

func (c *LargeChanges) folder(ctx context.Context, from, to hub.OID, dir string, depth int) error {
	pair := [2]hub.OID{from, to}
	if from == to || c.seen[pair] {
		return nil
	}
	switch {
	case c.read >= maxFolders:
		return errs.New(errs.Unprocessable, "More than %d folders change at once", maxFolders)
	case depth > maxTreeDepth:
		return errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	c.seen[pair] = true
	c.read++
	old, err := c.tree(ctx, from)
	if err != nil {
		return err
	}
	now, err := c.tree(ctx, to)
	if err != nil {
		return err
	}
	return compareTrees(old, now, func(a, b git.TreeEntry) error {
		return c.entry(ctx, a, b, join(dir, cmp.Or(b.Name, a.Name)), depth)
	})
}

// entry looks at one difference; a folder on one side only is compared with the empty one.
func (c *LargeChanges) entry(ctx context.Context, old, now git.TreeEntry, path string, depth int) error {
	from, to := git.EmptyTree, git.EmptyTree
	switch {
	case old.Mode.IsDir():
		from = old.OID
	case old.Mode.IsBlob() && old.OID != now.OID:
		if p, err := c.pointer(old.OID); err != nil {
			return err
		} else if p != nil {
			c.old[old.OID] = true
		}
	}
	switch {
	case now.Mode.IsDir():
		to = now.OID
	case now.Mode.IsBlob() && old.OID != now.OID:
		if p, err := c.pointer(now.OID); err != nil {
			return err
		} else if p != nil {
			c.found[now.OID] = LargeFile{path, *p}
		}
	}
	return c.folder(ctx, from, to, path, depth+1)
}
