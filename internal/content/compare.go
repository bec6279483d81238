package content

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/patch"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/slot"
)

const (
	maxCompare   = 10_000   // files
	maxDiffBytes = 64 << 20 // bytes of all files that differ, old and new, in git
)

// renames bound the search for renamed files that were changed as well.
var renames = patch.RenameLimits{Pairs: 100_000, Bytes: 16 << 20}

// Comparison is two revisions of a repository.
type Comparison struct {
	Base, Head hub.OID

	svc *Service
	git *gitstore.Repo
}

// Compare finds the revisions that base..head names, or base...head: the second from where the two parted.
func (s *Service) Compare(ctx context.Context, r *repo.Repo, spec string) (*Comparison, error) {
	base, head, three, err := splitCompare(spec)
	if err != nil {
		return nil, err
	}
	a, err := s.At(ctx, r, base)
	if err != nil {
		return nil, err
	}
	b, err := s.At(ctx, r, head)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Base: a.Commit, Head: b.Commit, svc: s, git: b.Git}
	if three {
		base, ok, err := b.Git.MergeBase(ctx, a.Commit, b.Commit)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errs.New(errs.Invalid, "The two revisions of %s have no common history.", spec)
		}
		c.Base = base
	}
	return c, nil
}

func splitCompare(spec string) (base, head string, three bool, err error) {
	base, head, ok := strings.Cut(spec, "...")
	if !ok {
		if base, head, ok = strings.Cut(spec, ".."); !ok {
			return "", "", false, errs.New(errs.Invalid, "A comparison is written base..head or base...head.")
		}
		return base, head, false, nil
	}
	return base, head, true, nil
}

// Change is a line of a comparison, in the words of git diff --raw.
type Change struct {
	Status           string // A, M, D, T
	Path             string
	Old              hub.OID
	New              hub.OID
	OldMode, NewMode string
}

// Changes lists the files that differ, a renamed one as deleted and added.
func (c *Comparison) Changes(ctx context.Context) ([]Change, error) {
	list, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(list))
	for i, f := range list {
		out[i] = Change{Status: statusOf(f), Path: f.Path, Old: f.OldOID, New: f.NewOID, OldMode: f.OldMode.String(), NewMode: f.NewMode.String()}
	}
	return out, nil
}

// statusOf is git's letter for what happened to a file.
func statusOf(f patch.File) string {
	switch {
	case f.Added():
		return "A"
	case f.Deleted():
		return "D"
	case f.Retyped():
		return "T"
	case f.Renamed():
		return "R"
	}
	return "M"
}

func (c *Comparison) list(ctx context.Context) ([]patch.File, error) {
	files, more, err := filesOf(ctx, c.git, c.Base, c.Head)
	if err == nil && more {
		err = errs.New(errs.Unprocessable, "The two revisions differ in more than %d files; compare closer ones.", maxCompare)
	}
	return files, err
}

func filesOf(ctx context.Context, g *gitstore.Repo, base, head hub.OID) ([]patch.File, bool, error) {
	list, more, err := g.Diff(ctx, base, head, gitstore.DiffOptions{Limit: maxCompare})
	files := make([]patch.File, len(list))
	for i := range list {
		files[i] = list[i].File()
	}
	return files, more, err
}

// Patch prepares the difference as git diff --binary --full-index writes it, which git apply takes: nothing is written
// until the files and their sizes are known to be within bounds. Large files are their pointers.
func (c *Comparison) Patch(ctx context.Context) (*Patch, error) {
	files, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkDiffBytes(ctx, c.git, files); err != nil {
		return nil, err
	}
	files, err = c.svc.renamed(ctx, c.git, files)
	return &Patch{files: files, svc: c.svc, git: c.git}, err
}

func checkDiffBytes(ctx context.Context, g *gitstore.Repo, files []patch.File) error {
	var total int64
	for _, f := range files {
		old, new, err := sizesOf(ctx, g, f)
		if err != nil {
			return err
		}
		if total += old + new; total > maxDiffBytes {
			return errs.New(errs.TooLarge, "The files that differ have more than %d bytes; compare closer revisions, or clone the repository and use git diff.", maxDiffBytes)
		}
	}
	return nil
}

func sizesOf(ctx context.Context, g *gitstore.Repo, f patch.File) (old, new int64, err error) {
	if f.OldMode.IsBlob() {
		info, err := g.BlobInfo(ctx, f.OldOID)
		if err != nil {
			return 0, 0, err
		}
		old = info.Size
	}
	if f.NewMode.IsBlob() {
		info, err := g.BlobInfo(ctx, f.NewOID)
		if err != nil {
			return 0, 0, err
		}
		new = info.Size
	}
	return old, new, nil
}

// Patch is a difference that is ready to be written.
type Patch struct {
	files []patch.File
	svc   *Service
	git   *gitstore.Repo
}

// Write writes file by file.
func (p *Patch) Write(ctx context.Context, w io.Writer) error {
	d := differ{svc: p.svc, git: p.git, binary: true, lines: maxDiffLines}
	out := bufio.NewWriterSize(w, 64<<10)
	for _, f := range p.files {
		if _, err := d.write(ctx, out, f); err != nil {
			return err
		}
	}
	return errs.Wrap("content.Patch", out.Flush())
}

// renamed joins deleted and added files that are one.
func (s *Service) renamed(ctx context.Context, g *gitstore.Repo, files []patch.File) (out []patch.File, err error) {
	err = inTurn(ctx, s.computing, func() error {
		out, err = patch.Renames(files, renames, g.PatchBlobs(ctx))
		return err
	})
	return out, err
}

// inTurn runs what takes a processor for a while; as many at once as there are processors. It must not wait for a client.
func inTurn(ctx context.Context, turns slot.Slots, work func() error) error {
	if err := take(ctx, turns, pageWait); err != nil {
		return err
	}
	defer turns.Give()
	return work()
}

// compute is inTurn for a piece of an answer that has begun: it waits for as long as others take.
func (s *Service) compute(ctx context.Context, work func() error) error {
	if err := s.computing.Take(ctx); err != nil {
		return errs.Wrap("content.compute", err)
	}
	defer s.computing.Give()
	return work()
}

// maxDiffLines bounds the lines, of all files of one request, that are compared one by one. What is beyond it is written
// as replaced whole but for its common beginning and end, which says the same at greater length.
const maxDiffLines = 1_000_000

// differ writes what happened to files.
type differ struct {
	svc    *Service
	git    *gitstore.Repo
	binary bool // with the bytes of files that are not text
	lines  int  // that may still be compared
}

// outcome is what writing one file's difference has shown.
type outcome struct {
	patch.Stat
	binary bool
}

func (d *differ) write(ctx context.Context, w io.Writer, f patch.File) (o outcome, err error) {
	if f.Retyped() {
		gone, come := f.Halves()
		o, err = d.write(ctx, w, gone)
		if err != nil {
			return o, err
		}
		more, err := d.write(ctx, w, come)
		return outcome{patch.Stat{Added: o.Added + more.Added, Deleted: o.Deleted + more.Deleted}, o.binary || more.binary}, err
	}
	if err := f.WriteHeader(w); err != nil || f.OldOID == f.NewOID {
		return o, err
	}
	old, err := d.read(ctx, f.OldMode, f.OldOID)
	if err != nil {
		return o, err
	}
	new, err := d.read(ctx, f.NewMode, f.NewOID)
	if err != nil {
		return o, err
	}
	if patch.IsBinary(old) || patch.IsBinary(new) {
		if d.binary {
			return outcome{binary: true}, patch.WriteBinary(w, old, new)
		}
		return outcome{binary: true}, f.WriteDiffer(w)
	}
	a, b := patch.NewText(old), patch.NewText(new)
	spans, err := d.spans(ctx, a, b)
	if err != nil || len(spans) == 0 {
		return o, err
	}
	if err := f.WriteNames(w); err != nil {
		return o, err
	}
	return outcome{Stat: patch.Count(spans)}, patch.WriteHunks(w, a, b, spans)
}

func (d *differ) spans(ctx context.Context, a, b patch.Text) (spans []patch.Span, err error) {
	n := a.Len() + b.Len()
	if n > d.lines {
		return patch.DiffEnds(a, b), nil
	}
	d.lines -= n
	err = d.svc.compute(ctx, func() error {
		spans = patch.Diff(a, b)
		return nil
	})
	return spans, err
}

// read is one side of a file; of a submodule the line that git shows for it.
func (d *differ) read(ctx context.Context, mode git.Mode, oid hub.OID) ([]byte, error) {
	switch {
	case oid.IsZero():
		return nil, nil
	case mode == git.ModeSubmodule:
		return []byte("Subproject commit " + oid.String() + "\n"), nil
	}
	return d.git.BlobBytes(ctx, oid, maxDiffBytes)
}
