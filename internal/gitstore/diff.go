package gitstore

import (
	"bytes"
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Change is a file that differs between two trees. Absent on one side: zero mode and id there. A file that became a
// folder is a deletion and additions.
type Change struct {
	Path    string
	OldMode git.Mode
	OldOID  hub.OID
	NewMode git.Mode
	NewOID  hub.OID
}

// DiffOptions bound a comparison.
type DiffOptions struct {
	Limit int // changes; 0: 1000
}

// Diff lists the files that differ between two commits or trees (zero: the empty tree) in the order of trees. Folders
// that are equal on both sides are not read. more says that there are further ones.
func (r *Repo) Diff(ctx context.Context, a, b hub.OID, o DiffOptions) (changes []Change, more bool, err error) {
	if o.Limit <= 0 {
		o.Limit = 1000
	}
	d := &differ{r: r, limit: o.Limit}
	ta, err := r.treeOf(ctx, a)
	if err != nil {
		return nil, false, err
	}
	tb, err := r.treeOf(ctx, b)
	if err != nil {
		return nil, false, err
	}
	err = d.folder(ctx, ta, tb, "", 0)
	return d.changes, d.more, err
}

// treeOf is the tree of a commit, a tag or a tree; zero is the empty tree.
func (r *Repo) treeOf(ctx context.Context, oid hub.OID) (hub.OID, error) {
	if oid.IsZero() || oid == git.EmptyTree {
		return git.EmptyTree, nil
	}
	if k, _ := r.Kind(oid); k == git.KindTree {
		return oid, nil
	}
	commit, err := r.peel(ctx, oid)
	if err != nil {
		return oid, err
	}
	n, err := r.node(ctx, commit)
	if err != nil {
		return oid, err
	}
	return n.tree, nil
}

type differ struct {
	r       *Repo
	limit   int
	changes []Change
	more    bool
}

func (d *differ) folder(ctx context.Context, a, b hub.OID, dir string, depth int) error {
	if a == b || d.more {
		return nil
	}
	if depth > maxTreeDepth {
		return errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ta, err := d.r.Tree(ctx, a)
	if err != nil {
		return err
	}
	tb, err := d.r.Tree(ctx, b)
	if err != nil {
		return err
	}
	return compareTrees(ta, tb, func(old, new git.TreeEntry) error {
		return d.entry(ctx, old, new, dir, depth)
	})
}

// entry notes one difference; folders are gone into, on one side against the empty tree.
func (d *differ) entry(ctx context.Context, old, new git.TreeEntry, dir string, depth int) error {
	path := join(dir, old.Name)
	if old.Name == "" {
		path = join(dir, new.Name)
	}
	from, to := git.EmptyTree, git.EmptyTree
	if old.Mode.IsDir() {
		from, old = old.OID, git.TreeEntry{}
	}
	if new.Mode.IsDir() {
		to, new = new.OID, git.TreeEntry{}
	}
	if old != (git.TreeEntry{}) || new != (git.TreeEntry{}) {
		if len(d.changes) == d.limit {
			d.more = true
			return nil
		}
		d.changes = append(d.changes, Change{path, old.Mode, old.OID, new.Mode, new.OID})
	}
	return d.folder(ctx, from, to, path, depth+1)
}

// compareTrees calls fn with the entries that differ; one that is on one side only comes with a zero entry. Equal bytes
// at both ends are skipped whole, so a small change of a large folder costs a comparison of its bytes.
func compareTrees(a, b *git.Tree, fn func(old, new git.TreeEntry) error) error {
	i, j := commonStart(a, b)
	endA, endB := commonEnd(a, b, i, j)
	for i < endA || j < endB {
		var old, new git.TreeEntry
		c := 0
		if i < endA {
			old = a.At(i)
		}
		if j < endB {
			new = b.At(j)
		}
		switch {
		case i >= endA:
			c = 1
		case j >= endB:
			c = -1
		default:
			c = git.CompareEntries(old.Name, old.Mode.IsDir(), new.Name, new.Mode.IsDir())
		}
		switch {
		case c < 0:
			new = git.TreeEntry{}
			i++
		case c > 0:
			old = git.TreeEntry{}
			j++
		default:
			i++
			j++
		}
		if old == new {
			continue
		}
		if err := fn(old, new); err != nil {
			return err
		}
	}
	return nil
}

// commonStart is the index of the first entry that may differ.
func commonStart(a, b *git.Tree) (i, j int) {
	n := commonPrefix(a.Raw(), b.Raw())
	i = a.EntriesWithin(n)
	return i, i
}

// commonEnd is the ends of what may differ: after them all entries are equal.
func commonEnd(a, b *git.Tree, i, j int) (endA, endB int) {
	endA, endB = a.Len(), b.Len()
	// Doubling spans find the equal tail in a logarithmic number of comparisons of bytes.
	for span := 1; span > 0; {
		if endA-span >= i && endB-span >= j && bytes.Equal(a.Span(endA-span, endA), b.Span(endB-span, endB)) {
			endA, endB = endA-span, endB-span
			span *= 2
			continue
		}
		span /= 2
	}
	return endA, endB
}

func commonPrefix(a, b []byte) int {
	const chunk = 4096
	n := min(len(a), len(b))
	i := 0
	for i+chunk <= n && bytes.Equal(a[i:i+chunk], b[i:i+chunk]) {
		i += chunk
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
