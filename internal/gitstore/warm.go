package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// CopyOptions are the sizes of Copies.
type CopyOptions struct {
	Dir   string // folder on the node's disk; empty: a new temporary folder
	Bytes int64  // of packs in all copies together, and half as much for clones; what was not used longest goes first (10 GiB)
}

// Copies are bare repositories on the node's disk, for git's own upload-pack and index-pack. They are caches: packs are
// linked or copied from the pack cache, with an .idx made from the catalog, and refs, HEAD and configuration are
// written by us alone. All may be deleted at any time; nothing is synced to disk.
//
// A copy only ever gains packs, and its refs are replaced by a rename, so a process that reads an older state goes on
// undisturbed. After a fold a new folder takes the place of the old one, which goes with its last reader.
type Copies struct {
	s      *Store
	max    int64
	git    func() (string, error)
	slots  chan struct{}
	merges chan struct{}
	tips   tipCache
	walks  reachCache
	clones clonePacks

	start func() error
	dir   string // of all processes
	root  string // of this one

	mu       sync.Mutex
	byRepo   map[string]*warmCopy
	bytes    int64
	touched  time.Time
	checking bool
}

// NewCopies makes the copies of a store's repositories. It touches nothing yet.
func NewCopies(s *Store, o CopyOptions) *Copies {
	if o.Bytes == 0 {
		o.Bytes = 10 << 30
	}
	c := &Copies{s: s, max: o.Bytes, dir: o.Dir, git: sync.OnceValues(findGit), slots: make(chan struct{}, maxProcesses), merges: make(chan struct{}, maxMerges), byRepo: map[string]*warmCopy{}}
	c.start = sync.OnceValue(c.makeRoot)
	return c
}

// abandoned is how long a process's folder must lie still before another process takes it for left behind.
const abandoned = time.Hour

func (c *Copies) makeRoot() (err error) {
	if c.dir == "" {
		c.root, err = os.MkdirTemp("", "cairn-warm-*")
		return err
	}
	if c.dir, err = filepath.Abs(c.dir); err == nil {
		err = os.MkdirAll(c.dir, 0o700)
	}
	if err == nil {
		c.root, err = os.MkdirTemp(c.dir, "run-*")
	}
	return err
}

// touch says that this process lives, and removes what dead ones left.
func (c *Copies) touch() {
	now := time.Now()
	c.mu.Lock()
	fresh := now.Sub(c.touched) < abandoned/4
	if !fresh {
		c.touched = now
	}
	c.mu.Unlock()
	if fresh || c.dir == "" {
		return
	}
	_ = os.Chtimes(c.root, now, now)
	old, _ := filepath.Glob(filepath.Join(c.dir, "run-*"))
	for _, dir := range old {
		if info, err := os.Stat(dir); dir != c.root && err == nil && now.Sub(info.ModTime()) > abandoned {
			_ = os.RemoveAll(dir)
		}
	}
}

// warmCopy is one bare repository.
type warmCopy struct {
	repoID string
	epoch  int64
	dir    string

	sync  sync.Mutex        // held by who brings the copy up to date
	packs map[string]string // by name, their keys in the store; empty: from its row
	done  *state            // all of its first packs are here
	upTo  int
	tips  *Tips
	head  string

	// Guarded by Copies.mu.
	bytes int64
	users int
	used  time.Time
	gone  bool

	checked   time.Time // all of it, and how long that took
	checkTook time.Duration
	suspected time.Time // when git failed and it was checked for that
}

// Copy is a warm copy in use. It has at least what was committed when it was asked for.
type Copy struct {
	c    *Copies
	w    *warmCopy
	view *Repo
	tips *Tips
	once sync.Once
}

// Tips are the refs that the copy had when it was brought up to date.
func (p *Copy) Tips() *Tips { return p.tips }

// Repo is a view that has all objects of the copy.
func (p *Copy) Repo() *Repo { return p.view }

// Release ends the use; the copy may be deleted then.
func (p *Copy) Release() { p.once.Do(func() { p.c.release(p.w) }) }

// Use brings a repository's copy up to date and keeps it until Release. head is the ref that HEAD stands for.
func (c *Copies) Use(ctx context.Context, repoID, head string) (*Copy, error) {
	if err := c.start(); err != nil {
		return nil, errs.Wrap("gitstore.Use", err)
	}
	c.touch()
	for try := 0; ; try++ {
		p, err := c.use(ctx, repoID, head)
		if err == nil {
			return p, nil
		}
		// A fold took a pack away, or somebody the folder: once more, from the rows.
		if !errors.Is(err, errPackGone) && !errors.Is(err, os.ErrNotExist) || try == 3 {
			return nil, errs.Wrap("gitstore.Use", err)
		}
	}
}

func (c *Copies) use(ctx context.Context, repoID, head string) (*Copy, error) {
	tips, err := c.Tips(ctx, repoID) // before the packs: these then have all that refs name
	if err != nil {
		return nil, err
	}
	view, err := c.s.Open(ctx, repoID)
	if err != nil {
		return nil, err
	}
	w := c.take(repoID, view.st.Load().epoch)
	if w.epoch > view.st.Load().epoch { // it must not get packs that were folded away: objects may have gone with them
		c.release(w)
		return nil, errPackGone
	}
	p := &Copy{c: c, w: w, view: view, tips: tips}
	w.sync.Lock()
	err = c.bring(ctx, w, view, tips, head)
	w.sync.Unlock()
	if err != nil {
		p.Release()
		if ctx.Err() == nil {
			c.drop(w)
		}
		return nil, err
	}
	c.evict(w)
	c.checkAged(w)
	return p, nil
}

// take is the copy for an epoch of folds, or a newer one, with one user more.
func (c *Copies) take(repoID string, epoch int64) *warmCopy {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.byRepo[repoID]
	if w != nil && w.epoch < epoch {
		if c.forget(w) {
			defer func(dir string) { go os.RemoveAll(dir) }(w.dir) // nobody waits for it
		}
		w = nil
	}
	if w == nil {
		w = &warmCopy{repoID: repoID, epoch: epoch, packs: map[string]string{}, checked: time.Now()}
		c.byRepo[repoID] = w
	}
	w.users++
	w.used = time.Now()
	return w
}

// hold adds a user to a copy that has one.
func (c *Copies) hold(w *warmCopy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.users++
}

func (c *Copies) release(w *warmCopy) {
	c.mu.Lock()
	w.users--
	remove := w.gone && w.users == 0
	c.mu.Unlock()
	if remove {
		_ = os.RemoveAll(w.dir)
	}
}

// forget takes a copy out of the list; its folder goes when nobody uses it. The caller holds mu.
func (c *Copies) forget(w *warmCopy) (remove bool) {
	if w.gone {
		return false
	}
	w.gone = true
	if c.byRepo[w.repoID] == w {
		delete(c.byRepo, w.repoID)
	}
	c.bytes -= w.bytes
	return w.users == 0 && w.dir != ""
}

// drop forgets a copy that turned out to be broken.
func (c *Copies) drop(w *warmCopy) {
	c.mu.Lock()
	remove := c.forget(w)
	c.mu.Unlock()
	if remove {
		_ = os.RemoveAll(w.dir)
	}
}

// evict makes room by dropping the copies that were not used for longest, but for keep.
func (c *Copies) evict(keep *warmCopy) {
	var dirs []string
	c.mu.Lock()
	for c.bytes > c.max {
		var oldest *warmCopy
		for _, w := range c.byRepo {
			if w != keep && w.users == 0 && (oldest == nil || w.used.Before(oldest.used)) {
				oldest = w
			}
		}
		if oldest == nil {
			break
		}
		if c.forget(oldest) {
			dirs = append(dirs, oldest.dir)
		}
	}
	c.mu.Unlock()
	for _, dir := range dirs {
		_ = os.RemoveAll(dir)
	}
}

// Trim removes the copies, the packs for clones and those of the store's cache that nobody has used for a time: what was
// collected since leaves the node's disk with them.
func (c *Copies) Trim(age time.Duration) {
	var dirs []string
	before := time.Now().Add(-age)
	c.mu.Lock()
	for _, w := range c.byRepo {
		if w.users == 0 && w.used.Before(before) && c.forget(w) {
			dirs = append(dirs, w.dir)
		}
	}
	c.mu.Unlock()
	for _, dir := range dirs {
		_ = os.RemoveAll(dir)
	}
	c.clones.trim(before)
	c.s.files.trim(age)
}

// bring brings a copy up to date. Nothing is written when nothing changed.
func (c *Copies) bring(ctx context.Context, w *warmCopy, view *Repo, tips *Tips, head string) error {
	if w.dir == "" {
		dir, err := os.MkdirTemp(c.root, w.repoID+"-*")
		if err != nil {
			return err
		}
		c.mu.Lock()
		w.dir = dir
		c.mu.Unlock()
		if err := initBare(dir); err != nil {
			return err
		}
	} else if _, err := os.Stat(filepath.Join(w.dir, "config")); err != nil {
		return err // deleted behind our back
	}
	if err := c.bringPacks(ctx, w, view); err != nil {
		return err
	}
	if w.head != head {
		if err := replaceFile(w.dir, "HEAD", "ref: "+head+"\n"); err != nil {
			return err
		}
		w.head = head
	}
	if w.tips != tips && (w.tips == nil || w.tips.id != tips.id) {
		if err := replaceFile(w.dir, "packed-refs", tips.packedRefs()); err != nil {
			return err
		}
	}
	w.tips = tips
	return nil
}

func initBare(dir string) error {
	for _, sub := range []string{"objects/pack", "objects/info", "refs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "config"), []byte(gitConfig), 0o600)
}

// bringPacks adds the packs that the copy lacks.
func (c *Copies) bringPacks(ctx context.Context, w *warmCopy, view *Repo) error {
	st := view.st.Load()
	packs := st.all()
	from := 0
	if w.done == st {
		from = w.upTo
	}
	for _, p := range packs[min(from, len(packs)):] {
		sp := StoredPack{c.s, st, p}
		if _, ok := w.packs[sp.Name()]; ok {
			continue
		}
		if err := c.putPack(ctx, filepath.Join(w.dir, "objects", "pack", sp.Name()), sp); err != nil {
			return err
		}
		w.packs[sp.Name()] = p.packKey
		c.mu.Lock()
		n := p.size + int64(32*p.cat.Len())
		if w.bytes += n; !w.gone {
			c.bytes += n
		}
		c.mu.Unlock()
	}
	w.done, w.upTo = st, len(packs)
	return nil
}

// putPack puts a pack's two files in place, the index last: git looks for that one.
func (c *Copies) putPack(ctx context.Context, path string, sp StoredPack) error {
	if err := sp.linkOrWrite(ctx, path+".pack"); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = sp.Catalog().WriteIdx(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".tmp", path+".idx")
}

// linkOrWrite makes a file of the pack: another name of the one in the pack cache where that works.
func (p StoredPack) linkOrWrite(ctx context.Context, path string) error {
	if p.p.packKey != "" {
		f, err := p.s.files.acquire(ctx, p.p)
		if errs.Is(err, errs.NotFound) {
			return errPackGone
		}
		if err != nil {
			return err
		}
		err = os.Link(f.path, path)
		p.s.files.release(f)
		if err == nil || errors.Is(err, os.ErrExist) {
			return nil
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = p.WriteTo(ctx, f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = p.p.checkWritten(path)
	}
	return err
}

// checkWritten compares what was written of a pack that lives in its row, which nobody has done yet.
func (p *pack) checkWritten(path string) error {
	if f, err := openChecked(path, p); err != nil {
		return fmt.Errorf("pack %d of repository %s is damaged: %w", p.seq, p.repoID, err)
	} else {
		return f.Close()
	}
}

// replaceFile writes a file in one step: a reader sees the old or the new one.
func replaceFile(dir, name, text string) error {
	tmp := filepath.Join(dir, name+".new")
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, name))
}

// packedRefs is git's packed-refs with the ids that tags stand for.
func (t *Tips) packedRefs() string {
	var b strings.Builder
	b.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for _, r := range t.Refs {
		b.WriteString(r.OID.String() + " " + r.Name + "\n")
		if !r.Peeled.IsZero() {
			b.WriteString("^" + r.Peeled.String() + "\n")
		}
	}
	return b.String()
}
