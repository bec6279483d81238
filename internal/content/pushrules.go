package content

import (
	"context"
	"encoding/binary"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// checkObjects applies the rules about files to all that the pack brings. It looks at every new object, also those of
// refs that are refused for another reason, so that all objects of a repository have passed: what is stored is never
// looked at again. If one object is against the rules, nothing of the pack is taken.
func (p *push) checkObjects(ctx context.Context, in *gitstore.Incoming) error {
	w := &objectRules{in: in, limit: p.s.limits.RegularFile, seen: make([]uint64, (in.Catalog().Len()+63)/64), below: map[int]int{}}
	broken := false
	for i, c := range p.Commands {
		if c.New.IsZero() {
			continue
		}
		err := w.tip(ctx, c)
		if err == nil {
			err = p.checkLarge(ctx, w, c.Name)
		}
		if err == nil && c.Name == "refs/heads/"+p.repo.DefaultBranch {
			err = p.checkTipCard(ctx, in, c)
		}
		if err == nil {
			continue
		}
		if said(err) == "" {
			return err
		}
		broken = true
		if p.reason[i] == "" {
			p.refuse(i, err)
		}
	}
	if !broken {
		if err := w.checkAllSeen(); err != nil {
			broken = true
			for i, c := range p.Commands {
				if !c.New.IsZero() {
					p.refuse(i, err)
				}
			}
		}
	}
	if broken {
		p.refuseRest(otherRefused, true)
	}
	return nil
}

// objectRules walks from tips through the new objects of a pack.
type objectRules struct {
	in    *gitstore.Incoming
	limit int64
	seen  []uint64    // bits by number in the catalog
	below map[int]int // of trees: the longest path below, in bytes
	large []largeFile // pointers found since they were last proved

	passed passedEntries
	held   int64 // bytes of the folders on the way down
}

// maxHeld bounds the folders that lead to the one being checked: each is in memory, and a few bytes of delta make another.
const maxHeld = 32 << 20

// see reports whether the object is new and was not seen before. i is its number in the catalog, -1 when the pack lacks it.
func (w *objectRules) see(oid hub.OID) (i int, first bool) {
	i, brought := w.in.Catalog().Find(oid)
	if !brought {
		return -1, false
	}
	if w.seen[i/64]&(1<<(i%64)) != 0 || w.in.Repo().Has(oid) {
		return i, false
	}
	w.seen[i/64] |= 1 << (i % 64)
	return i, true
}

// tip checks what a ref is to name, and all that is new behind it.
func (w *objectRules) tip(ctx context.Context, c git.RefCommand) error {
	oid := c.New
	for range 10 {
		kind, ok := w.in.Kind(oid)
		if !ok {
			return errs.New(errs.Unprocessable, "the object %s is missing from the pack", oid)
		}
		if oid == c.New && kind != git.KindCommit && !isTag(c.Name) {
			return errs.New(errs.Unprocessable, "a branch must name a commit, and %s is a %s", oid, kind)
		}
		switch kind {
		case git.KindCommit:
			return w.history(ctx, oid)
		case git.KindTree:
			_, err := w.tree(ctx, oid, "")
			return err
		case git.KindBlob:
			return w.blob(oid, "", c.Name)
		}
		t, err := w.tag(ctx, oid)
		if err != nil {
			return err
		}
		oid = t.Object
	}
	return errs.New(errs.Unprocessable, "tags of tags are nested too deeply")
}

// tag is a tag of the pack or the repository.
func (w *objectRules) tag(ctx context.Context, oid hub.OID) (*git.Tag, error) {
	w.see(oid)
	i, brought := w.in.Catalog().Find(oid)
	if !brought {
		return w.in.Repo().Tag(ctx, oid)
	}
	data, err := w.message(i)
	if err != nil {
		return nil, err
	}
	t, err := git.ParseTag(data)
	if err != nil {
		return nil, errs.New(errs.Unprocessable, "the tag %s is damaged", oid)
	}
	return t, nil
}

func isTag(ref string) bool { return len(ref) > 10 && ref[:10] == "refs/tags/" }

// history walks the new commits.
func (w *objectRules) history(ctx context.Context, tip hub.OID) error {
	for todo := []hub.OID{tip}; len(todo) > 0; {
		oid := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		i, first := w.see(oid)
		if !first {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := w.message(i)
		if err != nil {
			return err
		}
		c, err := git.ParseCommit(data)
		if err != nil {
			return errs.New(errs.Unprocessable, "the commit %s is damaged", oid)
		}
		if len(c.Parents) > maxParents {
			return errs.New(errs.TooLarge, "the commit %s has %d parents; at most %d are taken", oid, len(c.Parents), maxParents)
		}
		if _, err := w.tree(ctx, c.Tree, ""); err != nil {
			return err
		}
		todo = append(todo, c.Parents...)
	}
	return nil
}

// Bounds of commits and tags, which are held in memory whenever history is read: bytes with signatures and all, and
// parents, of which the largest merge that is known of has 66.
const (
	maxMessageObject = 4 << 20
	maxParents       = 1000
)

func (w *objectRules) message(i int) ([]byte, error) {
	if size := w.in.Catalog().Size(i); size > maxMessageObject {
		return nil, errs.New(errs.TooLarge, "the %s %s has %d bytes; at most %d are taken", w.in.Catalog().Kind(i), w.in.Catalog().OID(i), size, maxMessageObject)
	}
	return w.in.Object(i)
}

// tree checks a folder's names and what is new below it. below is the length of the longest path in it.
func (w *objectRules) tree(ctx context.Context, oid hub.OID, dir string) (below int, err error) {
	i, first := w.see(oid)
	if !first {
		if below = w.below[i]; len(dir)+below > maxPath {
			return below, CheckPath(dir + longName[:below])
		}
		return below, nil
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	raw, err := w.in.Object(i)
	if err != nil {
		return 0, err
	}
	if w.held += int64(len(raw)); w.held > maxHeld {
		return 0, errs.New(errs.TooLarge, "the folders %q and those around it have lists of more than %d bytes together; use fewer files or other folders", dir, maxHeld)
	}
	defer func() { w.held -= int64(len(raw)) }()
	for at := 0; at < len(raw); {
		mode, name, next, err := git.NextEntry(raw, at)
		if err != nil {
			return 0, errs.New(errs.Unprocessable, "the tree %s is damaged", oid)
		}
		n, known := w.passed.find(raw[at:next])
		if !known || len(dir)+n > maxPath {
			if n, err = w.entry(ctx, dir, mode, string(name), hub.OID(raw[next-20:next])); err != nil {
				return 0, err
			}
			w.passed.add(raw[at:next], n)
		}
		below, at = max(below, n), next
	}
	w.below[i] = below
	return below, nil
}

// entry checks one line of a folder and what is new below it. n is the length of the longest path from it on.
func (w *objectRules) entry(ctx context.Context, dir string, mode git.Mode, name string, oid hub.OID) (n int, err error) {
	if !plainName(name) || len(dir)+len(name) > maxPath {
		if err := CheckPath(dir + name); err != nil {
			return 0, err
		}
	}
	switch {
	case mode.IsDir():
		n, err = w.tree(ctx, oid, dir+name+"/")
		return len(name) + 1 + n, err
	case mode.IsBlob():
		err = w.blob(oid, dir, name)
	}
	return len(name), err
}

// passedEntries remembers lines of folders that were checked: each version of a folder repeats nearly all of the one
// before. It has a fixed size, and a line pushes out the one in its place.
type passedEntries [1 << 13]passedEntry

type passedEntry struct {
	line [60]byte // mode, name, and id as in a tree
	len  uint8
	n    uint16 // the longest path from it on
}

func (p *passedEntries) place(line []byte) *passedEntry {
	return &p[binary.LittleEndian.Uint16(line[len(line)-4:])%uint16(len(p))]
}

func (p *passedEntries) find(line []byte) (n int, ok bool) {
	e := p.place(line)
	return int(e.n), string(e.line[:e.len]) == string(line)
}

func (p *passedEntries) add(line []byte, n int) {
	if e := p.place(line); len(line) <= len(e.line) && n <= maxPath {
		e.len, e.n = uint8(copy(e.line[:], line)), uint16(n)
	}
}

// longName stands for a path of a known length in the words of CheckPath.
var longName = func() string {
	b := make([]byte, 2*maxPath+2*maxComponent)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}()

// plainName knows most names for harmless without the whole of CheckPath.
func plainName(name string) bool {
	if name == "" || len(name) > maxComponent || name[0] == '.' {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// blob checks a file's size, or notes the large file that it stands for.
func (w *objectRules) blob(oid hub.OID, dir, name string) error {
	i, first := w.see(oid)
	if !first {
		return nil
	}
	path := dir + name // made here: most entries of most trees were seen before
	if ptr := w.in.Catalog().Pointer(i); ptr != nil {
		w.large = append(w.large, largeFile{path, ptr.SHA256, ptr.Size})
		return nil
	}
	if size := w.in.Catalog().Size(i); size > w.limit {
		return errs.New(errs.TooLarge, "%q has %d bytes; files over %d bytes must be large files: run git lfs migrate import --include=%q and push again",
			path, size, w.limit, path)
	}
	return nil
}

// checkAllSeen refuses a pack with objects that no ref of the push leads to: they would be stored without a check.
func (w *objectRules) checkAllSeen() error {
	cat := w.in.Catalog()
	for i := range cat.Len() {
		if w.seen[i/64]&(1<<(i%64)) == 0 && !w.in.Repo().Has(cat.OID(i)) {
			return errs.New(errs.Unprocessable, "the pack holds the object %s, which no ref of this push leads to", cat.OID(i))
		}
	}
	return nil
}

// checkLarge proves the pointers that were found: this repository must have the bytes behind each.
func (p *push) checkLarge(ctx context.Context, w *objectRules, ref string) error {
	if len(w.large) == 0 {
		return nil
	}
	shas := make([]hub.SHA256, len(w.large))
	for i, l := range w.large {
		shas[i] = l.sha
	}
	known, err := p.s.xet.FindWhole(ctx, p.s.db, p.repo.RowID, shas)
	if err != nil {
		return err
	}
	named := make([]xetstore.Named, 0, len(w.large))
	for _, l := range w.large {
		f, ok := known[l.sha]
		named = append(named, xetstore.Named{Hash: f.Hash, Path: l.path})
		switch {
		case !ok:
			return errs.New(errs.Unprocessable, "%q points to the large file %s, which has not been uploaded to this repository: run git lfs push --all and push again", l.path, l.sha)
		case f.Size != l.size:
			return errs.New(errs.Unprocessable, "%q says that the large file %s has %d bytes; it has %d", l.path, l.sha, l.size, f.Size)
		}
	}
	w.large = w.large[:0]
	p.also = append(p.also, p.s.name(p.repo.RowID, ref, p.actor, named))
	return nil
}

// checkTipCard checks the card that the default branch will have, unless it has it already.
func (p *push) checkTipCard(ctx context.Context, in *gitstore.Incoming, c git.RefCommand) error {
	commit, err := in.Commit(ctx, c.New)
	if err != nil {
		return err
	}
	e, err := in.Entry(ctx, commit.Tree, readmePath)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	i, isNew := in.New(e.OID)
	if !isNew || !e.Mode.IsBlob() || e.Mode == git.ModeSymlink || in.Catalog().Pointer(i) != nil {
		return nil
	}
	text, err := in.Object(i)
	if err != nil {
		return err
	}
	return checkCardText(text, p.repo.Type)
}
