package gitstore

import (
	"context"
	"os"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// CheckEntry sees each entry of each folder that a merge made, with its path; blob is the bytes of a file that the
// merge made, nil for all others.
type CheckEntry func(path string, e git.TreeEntry, blob []byte) error

// WriteTo adds the objects that the merge made to a pack. maxBlob bounds a merged file, in bytes.
func (m *Merged) WriteTo(ctx context.Context, w *PackWriter, maxBlob int64, check CheckEntry) error {
	w.builtOn(m.view)
	c := &mergeCopy{m: m, w: w, maxBlob: maxBlob, check: check, done: map[hub.OID]bool{}}
	return c.tree(ctx, m.Tree, "", 0)
}

// mergeCopy goes down from the merged tree to what the repository has already.
type mergeCopy struct {
	m       *Merged
	w       *PackWriter
	maxBlob int64
	check   CheckEntry
	done    map[hub.OID]bool // folders that were copied; files are few and may be seen under each of their names
}

func (c *mergeCopy) tree(ctx context.Context, oid hub.OID, dir string, depth int) error {
	if oid == git.EmptyTree {
		_, err := c.w.AddBytes(git.KindTree, nil)
		return err
	}
	if c.m.view.Has(oid) || c.done[oid] {
		return nil
	}
	if depth > maxTreeDepth {
		return errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.done[oid] = true
	t, raw, err := c.m.newTree(oid)
	if err != nil {
		return err
	}
	for i := range t.Len() {
		if err := c.entry(ctx, dir, t.At(i), depth); err != nil {
			return err
		}
	}
	_, err = c.w.AddBytes(git.KindTree, raw)
	return err
}

func (c *mergeCopy) entry(ctx context.Context, dir string, e git.TreeEntry, depth int) error {
	path := join(dir, e.Name)
	var blob []byte
	if e.Mode.IsBlob() && !c.m.view.Has(e.OID) {
		kind, data, err := c.m.loose(e.OID, c.maxBlob)
		if errs.Is(err, errs.TooLarge) {
			return errs.New(errs.TooLarge, "The merge makes %q larger than %d bytes. Files over that size must be large files (Xet or LFS).", path, c.maxBlob)
		}
		if err == nil && kind != git.KindBlob {
			err = notFound(e.OID)
		}
		if err == nil {
			_, err = c.w.AddBytes(git.KindBlob, data)
		}
		if err != nil {
			return err
		}
		blob = append([]byte{}, data...) // not nil, though empty
	}
	if err := c.check(path, e, blob); err != nil {
		return err
	}
	if e.Mode.IsDir() {
		return c.tree(ctx, e.OID, path, depth+1)
	}
	return nil
}

func (m *Merged) newTree(oid hub.OID) (*git.Tree, []byte, error) {
	kind, raw, err := m.loose(oid, git.MaxWhole)
	if err != nil {
		return nil, nil, err
	}
	if kind != git.KindTree {
		return nil, nil, notFound(oid)
	}
	t, err := git.ParseTree(raw)
	return t, raw, wrapGit(err)
}

// loose reads an object that git wrote.
func (m *Merged) loose(oid hub.OID, limit int64) (git.Kind, []byte, error) {
	f, err := os.Open(m.path(oid))
	if err != nil {
		return 0, nil, errs.Wrap("gitstore.Merged", err)
	}
	defer f.Close()
	kind, data, err := git.ReadLoose(f, oid, limit)
	return kind, data, wrapGit(err)
}

// Entry is what lies at a path of the merged tree. Absent: errs.EntryNotFound.
func (m *Merged) Entry(ctx context.Context, path string) (*git.TreeEntry, error) {
	return entryAt(ctx, m.readTree, m.Tree, path)
}

// readTree is a tree of the repository, or one that the merge made.
func (m *Merged) readTree(ctx context.Context, oid hub.OID) (*git.Tree, error) {
	if oid == git.EmptyTree || m.view.Has(oid) {
		return m.view.Tree(ctx, oid)
	}
	t, _, err := m.newTree(oid)
	return t, err
}

// BlobBytes is a file of the merged tree of up to max bytes; a larger one: errs.TooLarge.
func (m *Merged) BlobBytes(ctx context.Context, oid hub.OID, max int64) ([]byte, error) {
	if m.view.Has(oid) {
		return m.view.BlobBytes(ctx, oid, max)
	}
	_, data, err := m.loose(oid, max)
	return data, err
}
