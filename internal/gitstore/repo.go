package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Repo is a view for reading: it has at least every object that was committed when it was opened. It is safe for
// concurrent use and needs no closing.
type Repo struct {
	s     *Store
	id    string
	st    atomic.Pointer[state] // replaced when a pack's row turns out to be folded away
	since int64                 // collect_epoch when the view was made
}

func newRepo(s *Store, st *state) *Repo {
	r := &Repo{s: s, id: st.repoID, since: st.collects}
	r.st.Store(st)
	return r
}

// ID is the repository's id.
func (r *Repo) ID() string { return r.id }

// Info is what is known of a blob without reading it.
type Info struct {
	Size    int64        // bytes of the blob itself
	Pointer *git.Pointer // set when the blob is an LFS pointer
}

// FileSize is the bytes of the file that the blob stands for.
func (i Info) FileSize() int64 {
	if i.Pointer != nil {
		return i.Pointer.Size
	}
	return i.Size
}

func notFound(oid hub.OID) error { return errs.New(errs.NotFound, "Git object %s not found", oid) }

// read calls fn with the reader and the index of an object, again when its pack was folded meanwhile or this node's copy of
// it has rotted.
func (r *Repo) read(ctx context.Context, oid hub.OID, fn func(p *git.PackReader, i int, done func()) error) error {
	for try := 0; ; try++ {
		st := r.st.Load()
		p, i, ok := st.find(oid)
		if !ok {
			if newer, err := r.catchUp(ctx); newer || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			return r.s.absent(ctx, r.id, oid)
		}
		pr, done, err := r.s.borrow(ctx, st, p)
		if err == nil {
			err = fn(pr, i, done)
			if again := try == 0 && p.packKey != "" && errors.Is(err, git.ErrMalformed); !again {
				return r.s.wrapStored(p, err)
			}
			_ = r.s.wrapStored(p, err) // this node's copy goes: the stored pack may be sound
			continue
		}
		if !errors.Is(err, errPackGone) || try == 5 {
			return errs.Wrap("gitstore.read", err)
		}
		if err := r.refresh(ctx, st); err != nil {
			return err
		}
	}
}

// catchUp moves the view to the packs of now, and reports whether there are others than it had: an id that was read
// after the view was made, such as a ref's, may be newer than the view.
func (r *Repo) catchUp(ctx context.Context) (bool, error) {
	old := r.st.Load()
	had := len(old.all())
	fresh, err := r.s.Open(ctx, r.id)
	if err != nil {
		return false, err
	}
	st := fresh.st.Load()
	r.st.Store(st)
	return st != old || len(st.all()) != had, nil
}

// refresh moves the view to the packs of now after a pack's row was found missing.
func (r *Repo) refresh(ctx context.Context, old *state) error {
	if fresh, err := r.s.Open(ctx, r.id); err != nil {
		return err
	} else if st := fresh.st.Load(); st != old {
		r.st.Store(st)
		return nil
	}
	// The rows have gone but the numbers have not moved: what is cached is wrong, so read it all again.
	r.s.forget(r.id)
	st, err := r.s.load(ctx, r.id, -1, -1)
	if err == nil {
		r.st.Store(st)
	}
	return err
}

// wrapGit gives the engine's errors their kinds.
func wrapGit(err error) error {
	var known *errs.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, git.ErrLimit):
		return &errs.Error{Kind: errs.TooLarge, Msg: "A git object is too large", Op: "gitstore", Err: err}
	case errors.Is(err, git.ErrMalformed):
		return &errs.Error{Kind: errs.Unprocessable, Msg: "A git object is damaged", Op: "gitstore", Err: err}
	}
	return errs.Wrap("gitstore", err)
}

// wrapStored is wrapGit for what was read of a stored pack. What is kept of a damaged one is dropped: the next reader
// looks whether it was repaired.
func (s *Store) wrapStored(p *pack, err error) error {
	var known *errs.Error
	if !errors.Is(err, git.ErrMalformed) || errors.As(err, &known) {
		return wrapGit(err)
	}
	if p.packKey == "" {
		s.inline.Remove(packKey{p.repoID, p.seq})
	} else {
		s.files.drop(p.packKey)
	}
	return &errs.Error{Kind: errs.Internal, Op: "gitstore.read", Msg: "A stored git object is damaged", Err: err}
}

// object is the bytes of an object of a kind.
func (r *Repo) object(ctx context.Context, oid hub.OID, kind git.Kind, limit int64) (data []byte, err error) {
	err = r.read(ctx, oid, func(p *git.PackReader, i int, done func()) error {
		defer done()
		if k := p.Catalog().Kind(i); k != kind {
			return errs.New(errs.NotFound, "Git object %s is a %s, not a %s", oid, k, kind)
		}
		_, data, err = p.Object(i, limit)
		return err
	})
	return data, err
}

// Kind is the kind of an object.
func (r *Repo) Kind(oid hub.OID) (git.Kind, bool) {
	p, i, ok := r.st.Load().find(oid)
	if !ok {
		return 0, false
	}
	return p.cat.Kind(i), true
}

// Has reports whether the object is in the repository.
func (r *Repo) Has(oid hub.OID) bool { return r.st.Load().has(oid) }

type weighed interface{ Weight() int64 }

// parsed is an object of a kind, from the cache or parsed and put there.
func parsed[T weighed](ctx context.Context, r *Repo, oid hub.OID, kind git.Kind, parse func([]byte) (T, error)) (v T, err error) {
	key := objectKey{r.id, oid}
	if c, ok := r.s.objects.Get(key); ok {
		if v, ok := c.(T); ok {
			return v, nil
		}
	}
	data, err := r.object(ctx, oid, kind, git.MaxWhole)
	if err != nil {
		return v, err
	}
	if v, err = parse(data); err != nil {
		return v, wrapGit(fmt.Errorf("%s %s: %w", kind, oid, err))
	}
	r.s.objects.Put(key, v, v.Weight())
	return v, nil
}

// Commit is a parsed commit; do not change it. Absent: errs.NotFound.
func (r *Repo) Commit(ctx context.Context, oid hub.OID) (*git.Commit, error) {
	return parsed(ctx, r, oid, git.KindCommit, git.ParseCommit)
}

var emptyTree, _ = git.ParseTree(nil)

// Tree is a parsed tree. Absent: errs.NotFound.
func (r *Repo) Tree(ctx context.Context, oid hub.OID) (*git.Tree, error) {
	if oid == git.EmptyTree {
		return emptyTree, nil
	}
	return parsed(ctx, r, oid, git.KindTree, git.ParseTree)
}

// Tag is a parsed annotated tag; do not change it. Absent: errs.NotFound.
func (r *Repo) Tag(ctx context.Context, oid hub.OID) (*git.Tag, error) {
	data, err := r.object(ctx, oid, git.KindTag, git.MaxWhole)
	if err != nil {
		return nil, err
	}
	t, err := git.ParseTag(data)
	return t, wrapGit(err)
}

// BlobInfo is what the catalogs know of a blob. Absent: errs.NotFound.
func (r *Repo) BlobInfo(ctx context.Context, oid hub.OID) (Info, error) {
	info, ok := blobInfo(r.st.Load(), oid)
	if !ok {
		return Info{}, r.s.absent(ctx, r.id, oid)
	}
	return info, nil
}

func blobInfo(st *state, oid hub.OID) (Info, bool) {
	p, i, ok := st.find(oid)
	if !ok || p.cat.Kind(i) != git.KindBlob {
		return Info{}, false
	}
	return Info{Size: p.cat.Size(i), Pointer: p.cat.Pointer(i)}, true
}

// BlobInfos is BlobInfo of several, in the same order. One that is absent: errs.NotFound.
func (r *Repo) BlobInfos(ctx context.Context, oids []hub.OID) ([]Info, error) {
	infos := make([]Info, len(oids))
	for i, oid := range oids {
		var err error
		if infos[i], err = r.BlobInfo(ctx, oid); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

// Blob streams a blob. The caller closes it; the bytes are checked against the id before io.EOF.
func (r *Repo) Blob(ctx context.Context, oid hub.OID) (rc io.ReadCloser, info Info, err error) {
	if info, err = r.BlobInfo(ctx, oid); err != nil {
		return nil, info, err
	}
	err = r.read(ctx, oid, func(p *git.PackReader, i int, done func()) error {
		s, err := p.Stream(i, git.MaxWhole)
		if err != nil {
			done()
			return err
		}
		rc = &blobReader{s, done}
		return nil
	})
	return rc, info, err
}

type blobReader struct {
	io.ReadCloser
	done func()
}

func (b *blobReader) Close() error {
	if b.done == nil {
		return nil
	}
	err := b.ReadCloser.Close()
	b.done()
	b.done = nil
	return err
}

// BlobBytes is a blob of up to max bytes; a larger one: errs.TooLarge.
func (r *Repo) BlobBytes(ctx context.Context, oid hub.OID, max int64) ([]byte, error) {
	return r.object(ctx, oid, git.KindBlob, max)
}

// Entry is what lies at a path below a tree. Absent: errs.EntryNotFound.
func (r *Repo) Entry(ctx context.Context, tree hub.OID, path string) (*git.TreeEntry, error) {
	return entryAt(ctx, r.Tree, tree, path)
}

// entryAt walks down a path through trees that read gives.
func entryAt(ctx context.Context, read func(context.Context, hub.OID) (*git.Tree, error), tree hub.OID, path string) (*git.TreeEntry, error) {
	e := git.TreeEntry{Mode: git.ModeDir, OID: tree}
	for rest, more := path, path != ""; more; {
		var name string
		name, rest, more = cut(rest)
		if !e.Mode.IsDir() {
			return nil, errs.EntryNotFound(path)
		}
		t, err := read(ctx, e.OID)
		if err != nil {
			return nil, err
		}
		var ok bool
		if e, ok = t.Lookup(name); !ok {
			return nil, errs.EntryNotFound(path)
		}
	}
	return &e, nil
}
