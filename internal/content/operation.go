package content

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// OpKind is what an operation of a commit does.
type OpKind int

// The operations.
const (
	OpFile         OpKind = iota // Content becomes the file at Path
	OpLFSFile                    // the large file SHA256 becomes the file at Path
	OpDelete                     // the file or folder at Path goes
	OpDeleteFolder               // the folder at Path goes, with all below it
	OpCopy                       // Path becomes what From holds, at FromRev or before this commit
)

// Operation is one change of a commit. From, with OpFile and OpLFSFile, is the old path of a move.
type Operation struct {
	Kind    OpKind
	Path    string
	Content []byte
	SHA256  hub.SHA256
	Size    int64 // of a large file; -1: not stated
	From    string
	FromRev string
}

// changes collects the operations of one commit as edits of a tree. The bytes are in the pack writer by then.
type changes struct {
	edits    []gitstore.Edit
	byPath   map[string]int   // path -> its edit; the last one said wins
	large    []largeFile      // to be proved
	pointers []largeFile      // written by the client as small files
	named    []xetstore.Named // proved, and what they are called
	reused   []xetstore.Named // the same of those that come from another revision
	deletes  map[int]deletion // edit -> what must exist
	cleared  []string         // paths that are deleted and then written: a folder there makes way
	moves    []move
	regular  int64 // bytes of regular files
	ops      int
	typ      hub.RepoType
	readme   []byte // the new README.md, nil: not in this commit
	derived  bool   // a file that facts are derived from changes
}

type largeFile struct {
	path string
	sha  hub.SHA256
	size int64
}

type deletion struct {
	path   string
	folder bool
}

type move struct {
	op Operation
}

// add takes in one operation.
func (s *Service) add(ctx context.Context, w *gitstore.PackWriter, c *changes, op Operation) error {
	if c.ops++; c.ops > s.limits.CommitFiles {
		return errs.New(errs.TooLarge, "A commit may hold at most %d operations; split it.", s.limits.CommitFiles)
	}
	if err := CheckPath(op.Path); err != nil {
		return err
	}
	if op.From != "" {
		if err := CheckPath(op.From); err != nil {
			return err
		}
	}
	c.note(op.Path)
	switch op.Kind {
	case OpDelete, OpDeleteFolder:
		c.deletes[len(c.edits)] = deletion{op.Path, op.Kind == OpDeleteFolder}
		c.set(gitstore.Edit{Path: op.Path, Delete: true})
		return nil
	case OpCopy:
		c.moves = append(c.moves, move{op})
		return nil
	case OpLFSFile:
		return s.addLarge(ctx, w, c, op)
	}
	return s.addRegular(ctx, w, c, op)
}

func (s *Service) addRegular(ctx context.Context, w *gitstore.PackWriter, c *changes, op Operation) error {
	if op.From != "" && op.Content == nil {
		c.moves = append(c.moves, move{op})
		return nil
	}
	size := int64(len(op.Content))
	if size > s.limits.RegularFile {
		return errs.New(errs.TooLarge, "%q has %d bytes. Files over %d bytes must be uploaded as large files (Xet or LFS).", op.Path, size, s.limits.RegularFile).
			With("file_size", size).With("lfs_threshold", s.limits.RegularFile).With("suggested_operation", "lfsFile")
	}
	if c.regular += size; c.regular > s.limits.CommitRegular {
		return errs.New(errs.TooLarge, "The regular files of one commit may hold at most %d bytes together; split it or upload them as large files.", s.limits.CommitRegular)
	}
	if err := s.CheckFile(ctx, op.Path, op.Content); err != nil {
		return err
	}
	oid, err := w.AddBytes(git.KindBlob, op.Content)
	if err != nil {
		return err
	}
	if op.Path == readmePath {
		c.readme = op.Content
	}
	if p, ok := git.ParsePointer(op.Content); ok { // as in a push
		c.pointers = append(c.pointers, largeFile{op.Path, p.SHA256, p.Size})
		c.derived = true
	}
	c.put(op, oid)
	return nil
}

func (s *Service) addLarge(ctx context.Context, w *gitstore.PackWriter, c *changes, op Operation) error {
	if op.From != "" && op.SHA256 == (hub.SHA256{}) {
		c.moves = append(c.moves, move{op})
		return nil
	}
	c.large = append(c.large, largeFile{op.Path, op.SHA256, op.Size})
	c.derived = true // the storage used changes, whatever the name
	if op.From != "" {
		c.set(gitstore.Edit{Path: op.From, Delete: true})
	}
	return nil
}

// put records the new blob of a path, and the removal of its old path if it moved.
func (c *changes) put(op Operation, oid hub.OID) {
	if op.From != "" {
		c.note(op.From)
		c.set(gitstore.Edit{Path: op.From, Delete: true})
	}
	c.set(gitstore.Edit{Path: op.Path, Mode: git.ModeFile, OID: oid})
}

func (c *changes) set(e gitstore.Edit) {
	if i, ok := c.byPath[e.Path]; ok {
		if c.edits[i].Delete && !e.Delete {
			delete(c.deletes, i)
			c.cleared = append(c.cleared, e.Path)
		}
		c.edits[i] = e
		return
	}
	c.byPath[e.Path] = len(c.edits)
	c.edits = append(c.edits, e)
}

// note remembers whether facts of the repository may change with this path.
func (c *changes) note(p string) {
	c.derived = c.derived || repo.Affects(c.typ, p)
}

// prove checks that the repository has a right to every large file, with the stated size, and writes the pointers.
func (s *Service) prove(ctx context.Context, w *gitstore.PackWriter, repoID string, c *changes) error {
	if len(c.large)+len(c.pointers) == 0 {
		return nil
	}
	shas := make([]hub.SHA256, 0, len(c.large)+len(c.pointers))
	for _, l := range slices.Concat(c.large, c.pointers) {
		shas = append(shas, l.sha)
	}
	known, err := s.xet.FindWhole(ctx, s.db, repoID, shas)
	if err != nil {
		return err
	}
	for _, l := range c.pointers {
		f, err := l.among(known)
		if err != nil {
			return err
		}
		c.named = append(c.named, xetstore.Named{Hash: f.Hash, Path: l.path})
	}
	for _, l := range c.large {
		f, err := l.among(known)
		if err != nil {
			return err
		}
		oid, err := w.AddBytes(git.KindBlob, git.Pointer{SHA256: l.sha, Size: f.Size}.Encode())
		if err != nil {
			return err
		}
		c.set(gitstore.Edit{Path: l.path, Mode: git.ModeFile, OID: oid})
		c.named = append(c.named, xetstore.Named{Hash: f.Hash, Path: l.path})
	}
	return nil
}

// among returns the file that a pointer is to, if it is one of those that the repository has.
func (l largeFile) among(known map[hub.SHA256]xetstore.File) (xetstore.File, error) {
	f, ok := known[l.sha]
	if !ok {
		return f, errs.New(errs.Invalid, "The large file %s of %q has not been uploaded to this repository. Upload it first, then commit.", l.sha, l.path)
	}
	if l.size >= 0 && l.size != f.Size {
		return f, errs.New(errs.Invalid, "The large file %s of %q has %d bytes, not %d.", l.sha, l.path, f.Size, l.size)
	}
	return f, nil
}

// resolve turns moves, copies and deletions into edits of the base that the commit stands on. taken are those
// that bring in what another revision has.
func (s *Service) resolve(ctx context.Context, base *Snapshot, c *changes) (edits, taken []gitstore.Edit, err error) {
	for i, d := range c.deletes {
		if err := base.mustExist(ctx, d, c.edits, i); err != nil {
			return nil, nil, err
		}
	}
	edits = slices.Clone(c.edits)
	for _, p := range c.cleared {
		e, err := base.entry(ctx, p)
		if err == nil && e.Mode.IsDir() && !edits[c.byPath[p]].Delete {
			edits = append(edits, gitstore.Edit{Path: p, Delete: true})
		}
		if err != nil && !isNotFound(err) {
			return nil, nil, err
		}
	}
	for _, m := range c.moves {
		from := base
		if m.op.FromRev != "" {
			var err error
			if from, err = s.At(ctx, base.Repo, m.op.FromRev); err != nil {
				return nil, nil, err
			}
		}
		e, err := from.entry(ctx, m.op.From)
		if err != nil {
			return nil, nil, err
		}
		if err := s.checkCopied(ctx, from, e, m.op.From, m.op.Path); err != nil {
			return nil, nil, err
		}
		edits = append(edits, gitstore.Edit{Path: m.op.Path, Mode: e.Mode, OID: e.OID})
		if from.Tree != base.Tree {
			taken = append(taken, edits[len(edits)-1])
		}
		if m.op.Kind != OpCopy {
			edits = append(edits, gitstore.Edit{Path: m.op.From, Delete: true})
		}
	}
	return edits, taken, nil
}

func (s *Snapshot) mustExist(ctx context.Context, d deletion, edits []gitstore.Edit, i int) error {
	if i >= len(edits) || !edits[i].Delete {
		return nil
	}
	e, err := s.entry(ctx, d.path)
	if isNotFound(err) || err == nil && d.folder && !e.Mode.IsDir() {
		return errs.Coded(errs.NotFound, errs.CodeEntryNotFound, "A file with this name doesn't exist: %s", d.path)
	}
	return err
}

func (s *Snapshot) entry(ctx context.Context, p string) (*git.TreeEntry, error) {
	if s.Tree.IsZero() {
		return nil, errs.EntryNotFound(p)
	}
	return s.Git.Entry(ctx, s.Tree, p)
}
