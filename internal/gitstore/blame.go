package gitstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lru"
	"github.com/cairnhub/cairn/internal/patch"
)

// BlameLimits bound what one file's blame may cost.
type BlameLimits struct {
	Bytes   int64 // of the file, in each of its versions
	Lines   int
	Commits int           // that are looked at
	Time    time.Duration // that is worked
}

// Blame says of each line of a file which commit brought it.
type Blame struct {
	Lines    int
	Hunks    []BlameHunk // all lines, in order
	Complete bool        // false: a limit ended the search, and the hunks that are Open may be older than they seem
}

// BlameHunk is lines that one commit brought, one after the other, in one file.
type BlameHunk struct {
	Start, Lines int // in the file, from 1
	Commit       hub.OID
	Path         string // of the file in that commit
	Original     int    // the first line in that file, from 1
	Open         bool
}

// Blame follows the lines of a file back through the history as git blame does, renames of the whole file included.
// Larger than the limits: errs.TooLarge. Absent: errs.EntryNotFound.
func (r *Repo) Blame(ctx context.Context, commit hub.OID, path string, limits BlameLimits) (*Blame, error) {
	key := factKey{repo: r.id, kind: factBlame, a: commit, path: path}
	if v, ok := r.s.facts.Get(key); ok {
		return v.(*Blame), nil
	}
	w := &blamer{r: r, limits: limits, until: time.Now().Add(limits.Time), texts: lru.New[hub.OID, []byte](2*limits.Bytes + 1<<20),
		paths: map[string]*pathFinder{}, open: map[suspectKey]*suspect{}}
	b, err := w.file(ctx, commit, path)
	if err == nil && b.Complete {
		r.s.facts.Put(key, b, int64(len(b.Hunks))*128+64)
	}
	return b, err
}

type suspectKey struct {
	commit hub.OID
	path   string
}

// suspect is a file at a commit, and the lines that it or a file before it brought.
type suspect struct {
	*node
	path   string
	file   git.TreeEntry
	chunks []chunk
}

// chunk is n lines: at line in the blamed file, at at in the suspect's. Both from 0.
type chunk struct{ line, at, n int }

type blamer struct {
	r      *Repo
	limits BlameLimits
	until  time.Time
	texts  *lru.Cache[hub.OID, []byte]
	paths  map[string]*pathFinder
	q      queue
	open   map[suspectKey]*suspect
	byNode map[hub.OID][]string // paths that wait at a commit
	done   []BlameHunk
	walked int
}

func (w *blamer) file(ctx context.Context, commit hub.OID, path string) (*Blame, error) {
	n, err := w.r.node(ctx, commit)
	if err != nil {
		return nil, err
	}
	e, err := w.lookup(ctx, n, path)
	if err != nil {
		return nil, err
	}
	if !e.Mode.IsBlob() {
		return nil, errs.EntryNotFound(path)
	}
	data, err := w.bytes(ctx, e.OID)
	if err != nil {
		return nil, err
	}
	lines := patch.NewText(data).Len()
	if lines > w.limits.Lines {
		return nil, errs.New(errs.TooLarge, "The file has more than the %d lines for which blame is answered.", w.limits.Lines)
	}
	if lines > 0 {
		w.suspect(n, path, e, []chunk{{0, 0, lines}})
	}
	complete, err := w.run(ctx)
	if err != nil {
		return nil, err
	}
	return &Blame{Lines: lines, Hunks: w.joined(), Complete: complete}, nil
}

func (w *blamer) lookup(ctx context.Context, n *node, path string) (git.TreeEntry, error) {
	f := w.paths[path]
	if f == nil {
		f = newPathFinder(w.r, path)
		w.paths[path] = f
	}
	return f.in(ctx, n.tree)
}

// bytes is a version of the file.
func (w *blamer) bytes(ctx context.Context, oid hub.OID) ([]byte, error) {
	if b, ok := w.texts.Get(oid); ok {
		return b, nil
	}
	b, err := w.r.BlobBytes(ctx, oid, w.limits.Bytes)
	if errs.Is(err, errs.TooLarge) {
		return nil, errs.New(errs.TooLarge, "The file, or a version of it, is larger than the %d bytes for which blame is answered.", w.limits.Bytes)
	}
	if err == nil {
		w.texts.Put(oid, b, int64(len(b)))
	}
	return b, err
}

// suspect gives lines to a file at a commit.
func (w *blamer) suspect(n *node, path string, file git.TreeEntry, chunks []chunk) {
	if len(chunks) == 0 {
		return
	}
	key := suspectKey{n.oid, path}
	s := w.open[key]
	if s == nil {
		s = &suspect{node: n, path: path, file: file}
		w.open[key] = s
		if w.byNode == nil {
			w.byNode = map[hub.OID][]string{}
		}
		if len(w.byNode[n.oid]) == 0 {
			w.q.add(n)
		}
		w.byNode[n.oid] = append(w.byNode[n.oid], path)
	}
	s.chunks = append(s.chunks, chunks...)
}

// run asks the newest suspect first, until every line is settled or a limit is reached.
func (w *blamer) run(ctx context.Context) (complete bool, err error) {
	complete = true
	for w.q.Len() > 0 {
		n := w.q.newest()
		paths := w.byNode[n.oid]
		delete(w.byNode, n.oid)
		for _, path := range paths {
			key := suspectKey{n.oid, path}
			s := w.open[key]
			delete(w.open, key)
			if w.walked++; w.walked > w.limits.Commits || time.Now().After(w.until) {
				complete = false
				w.settle(s, true)
				continue
			}
			if err := w.ask(ctx, s); err != nil {
				return false, err
			}
		}
	}
	return complete, nil
}

func (w *blamer) settle(s *suspect, open bool) {
	for _, c := range s.chunks {
		w.done = append(w.done, BlameHunk{Start: c.line + 1, Lines: c.n, Commit: s.oid, Path: s.path, Original: c.at + 1, Open: open})
	}
}

// origin is the file that a suspect's was made from in one of its parents.
type origin struct {
	*node
	path string
	file git.TreeEntry
}

// ask passes lines that were there before on to the parents; what remains is the suspect's.
func (w *blamer) ask(ctx context.Context, s *suspect) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	origins, same, err := w.origins(ctx, s)
	if err != nil {
		return err
	}
	if same != nil {
		w.suspect(same.node, same.path, same.file, s.chunks)
		return nil
	}
	slices.SortFunc(s.chunks, func(a, b chunk) int { return cmp.Compare(a.at, b.at) })
	for _, o := range origins {
		if len(s.chunks) == 0 {
			return nil
		}
		passed, err := w.pass(ctx, s, o)
		if err != nil {
			return err
		}
		w.suspect(o.node, o.path, o.file, passed)
	}
	w.settle(s, false)
	return nil
}

// origins finds the file in the parents: first under its name in all of them, then in those that lack it under another.
// One that has the same bytes is all that counts.
func (w *blamer) origins(ctx context.Context, s *suspect) (list []*origin, same *origin, err error) {
	byParent := make([]*origin, len(s.parents))
	for _, find := range []func(context.Context, *suspect, *node) (*origin, error){w.sameName, w.otherName} {
		for i, p := range s.parents {
			if byParent[i] != nil {
				continue
			}
			pn, err := w.r.node(ctx, p)
			if err != nil {
				return nil, nil, err
			}
			o, err := find(ctx, s, pn)
			if err != nil {
				return nil, nil, err
			}
			switch {
			case o == nil:
			case o.file.OID == s.file.OID:
				return nil, o, nil
			case !slices.ContainsFunc(byParent, func(b *origin) bool { return b != nil && b.file.OID == o.file.OID }):
				byParent[i] = o
			}
		}
	}
	return slices.DeleteFunc(byParent, func(o *origin) bool { return o == nil }), nil, nil
}

func (w *blamer) sameName(ctx context.Context, s *suspect, parent *node) (*origin, error) {
	e, err := w.lookup(ctx, parent, s.path)
	if err != nil || !e.Mode.IsBlob() || (e.Mode^s.file.Mode)&0o170000 != 0 {
		return nil, err
	}
	return &origin{parent, s.path, e}, nil
}

// Bounds of the search for the file that a new one was.
const blameChanges = 5000

var blameRenames = patch.RenameLimits{Pairs: 5000, Bytes: 16 << 20}

func (w *blamer) otherName(ctx context.Context, s *suspect, parent *node) (*origin, error) {
	if e, err := w.lookup(ctx, parent, s.path); err != nil || e.Mode.IsBlob() && (e.Mode^s.file.Mode)&0o170000 == 0 {
		return nil, err // it has the name: what it has there was looked at
	}
	changes, more, err := w.r.Diff(ctx, parent.tree, s.tree, DiffOptions{Limit: blameChanges})
	if err != nil || more {
		return nil, err
	}
	var files []patch.File
	for _, c := range changes {
		if c.NewMode == 0 || c.Path == s.path && c.OldMode == 0 {
			files = append(files, c.File())
		}
	}
	files, err = patch.Renames(files, blameRenames, w.r.PatchBlobs(ctx))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Path == s.path && f.Renamed() {
			return &origin{parent, f.OldPath, git.TreeEntry{Name: f.OldPath, Mode: f.OldMode, OID: f.OldOID}}, nil
		}
	}
	return nil, nil
}

// pass takes from the suspect the lines that the origin has as well, and returns where they are there.
func (w *blamer) pass(ctx context.Context, s *suspect, o *origin) (passed []chunk, err error) {
	old, err := w.bytes(ctx, o.file.OID)
	if err != nil {
		return nil, err
	}
	new, err := w.bytes(ctx, s.file.OID)
	if err != nil {
		return nil, err
	}
	spans := patch.DiffBare(old, new)
	passed, s.chunks = divide(s.chunks, spans)
	return passed, nil
}

// divide splits chunks, in order, at the lines that differ: those that are equal move to their place in the old text.
func divide(chunks []chunk, spans []patch.Span) (equal, differ []chunk) {
	k, shift := 0, 0 // the next span, and how far lines before it are from their place in the old text
	for _, c := range chunks {
		for c.n > 0 {
			for k < len(spans) && spans[k].B+spans[k].NB <= c.at {
				shift = spans[k].A + spans[k].NA - spans[k].B - spans[k].NB
				k++
			}
			n := c.n
			if k < len(spans) && spans[k].B <= c.at {
				n = min(n, spans[k].B+spans[k].NB-c.at)
				differ = append(differ, chunk{c.line, c.at, n})
			} else {
				if k < len(spans) {
					n = min(n, spans[k].B-c.at)
				}
				equal = append(equal, chunk{c.line, c.at + shift, n})
			}
			c = chunk{c.line + n, c.at + n, c.n - n}
		}
	}
	return equal, differ
}

// joined puts the hunks in order and makes one of those that follow each other on both sides.
func (w *blamer) joined() []BlameHunk {
	slices.SortFunc(w.done, func(a, b BlameHunk) int { return cmp.Compare(a.Start, b.Start) })
	out := w.done[:0]
	for _, h := range w.done {
		if len(out) > 0 {
			last := &out[len(out)-1]
			if last.Commit == h.Commit && last.Path == h.Path && last.Original+last.Lines == h.Original && last.Open == h.Open {
				last.Lines += h.Lines
				continue
			}
		}
		out = append(out, h)
	}
	return out
}
