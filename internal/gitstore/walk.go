package gitstore

import (
	"context"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// WalkOptions say which part of a tree to list.
type WalkOptions struct {
	Dir       string // folder to list; empty: the root
	Recursive bool   // with all below, each folder before what it holds
	After     string // path of the last entry of the page before
	Limit     int    // entries of a page; 0: 1000
}

// Entry is one file or folder of a listing.
type Entry struct {
	Path    string // from the root
	Mode    git.Mode
	OID     hub.OID
	Size    int64        // bytes of the blob; of a folder or a submodule 0
	Pointer *git.Pointer // of an LFS file; do not change it
	IsDir   bool
}

// FileSize is the bytes of the file that the entry stands for.
func (e *Entry) FileSize() int64 { return Info{e.Size, e.Pointer}.FileSize() }

// Walk lists a page of a tree in the order of `git ls-tree -r -t`. next is the After of the next page, empty on the
// last. A page costs the same wherever it is: the walk goes down along the cursor. Absent Dir: errs.EntryNotFound.
func (r *Repo) Walk(ctx context.Context, tree hub.OID, o WalkOptions) (page []Entry, next string, err error) {
	if o.Dir != "" {
		e, err := r.Entry(ctx, tree, o.Dir)
		if err != nil {
			return nil, "", err
		}
		if !e.Mode.IsDir() {
			return nil, "", errs.EntryNotFound(o.Dir)
		}
		tree = e.OID
	}
	after := o.After
	if after != "" && o.Dir != "" {
		var ok bool
		if after, ok = strings.CutPrefix(after, o.Dir+"/"); !ok {
			return nil, "", errs.New(errs.Invalid, "The cursor does not belong to folder %q", o.Dir)
		}
	}
	if o.Limit <= 0 {
		o.Limit = 1000
	}
	w := &walker{r: r, st: r.st.Load(), recursive: o.Recursive, limit: o.Limit}
	if err := w.folder(ctx, tree, o.Dir, after, 0); err != nil {
		return nil, "", err
	}
	if w.more {
		next = w.page[len(w.page)-1].Path
	}
	return w.page, next, nil
}

type walker struct {
	r         *Repo
	st        *state
	recursive bool
	limit     int
	page      []Entry
	paths     strings.Builder
	more      bool // the page is full and an entry follows
}

// folder lists a folder's entries after the cursor, which is relative to the folder.
func (w *walker) folder(ctx context.Context, oid hub.OID, dir, after string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxTreeDepth {
		return errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	}
	t, err := w.r.Tree(ctx, oid)
	if err != nil {
		return err
	}
	i := 0
	if after != "" {
		if i, err = w.resume(ctx, t, dir, after, depth); err != nil {
			return err
		}
	}
	var files run
	for ; i < t.Len() && !w.more; i++ {
		if len(w.page) == w.limit {
			w.more = true
			return nil
		}
		if !files.holds(i) {
			files = w.run(oid, t, i)
		}
		mode, name, id := t.Look(i)
		e := Entry{Path: w.path(dir, name), Mode: mode, OID: id, IsDir: mode.IsDir()}
		e.Size, e.Pointer = files.at(i).Size, files.at(i).Pointer
		w.emit(e, t.Len()-i)
		if w.recursive && e.IsDir {
			if err := w.folder(ctx, id, e.Path, "", depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume goes down along the cursor and returns the index of the entry to continue with.
func (w *walker) resume(ctx context.Context, t *git.Tree, dir, after string, depth int) (int, error) {
	name, rest, more := cut(after)
	i, ok := t.Find(name)
	if !ok {
		return t.Seek(name, more), nil
	}
	if e := t.At(i); w.recursive && e.Mode.IsDir() {
		// The cursor's folder itself was listed, so what it holds comes next.
		if err := w.folder(ctx, e.OID, join(dir, name), rest, depth+1); err != nil {
			return 0, err
		}
	}
	return i + 1, nil
}

// manyEntries is how many are made room for when a folder's folders turn out to hold more than itself.
const manyEntries = 1000

// emit adds an entry to the page; more is how many its folder has from it on.
func (w *walker) emit(e Entry, more int) {
	if n := len(w.page); n == cap(w.page) {
		if n > 0 {
			more = max(more, manyEntries)
		}
		w.page = slices.Grow(w.page, min(more, w.limit-n))
	}
	w.page = append(w.page, e)
}

// pathRoom is the bytes of memory in which paths lie side by side.
const pathRoom = 1 << 10

// path is an entry's path from the root.
func (w *walker) path(dir string, name []byte) string {
	n := len(dir) + 1 + len(name)
	if w.paths.Cap()-w.paths.Len() < n {
		w.paths.Reset() // what was given out of it stays
		w.paths.Grow(max(n, pathRoom))
	}
	from := w.paths.Len()
	if dir != "" {
		w.paths.WriteString(dir)
		w.paths.WriteByte('/')
	}
	w.paths.Write(name)
	return w.paths.String()[from:]
}
