package backup

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Kind is one kind of object, as its package keeps it.
type Kind struct {
	Name   string // in one word, for messages
	Prefix string // of its keys, with the slash

	// Each calls fn with every object that rows name; size -1: the rows do not say it.
	Each func(ctx context.Context, q db.Queryer, fn func(key string, size int64) error) error
	// Copy writes an object of a store to w and checks it; blob.ErrDamaged: it is not what its key says.
	Copy func(ctx context.Context, src blob.Store, key string, w io.Writer) (int64, error)
	// Repos are some of the repositories, by their ids, that need an object.
	Repos func(ctx context.Context, q db.Queryer, key string, limit int) ([]string, error)
	// Lost reports whether an object was given up: nobody expects it to be there; nil: none of the kind ever is.
	Lost func(ctx context.Context, q db.Queryer, key string) (bool, error)
	// Repo is the id of the repository that a key tells; nil: keys of the kind tell none.
	Repo func(key string) string
	// Adopt gives rows to objects that have none, as far as they say all that their rows do; nil: they do not.
	Adopt func(ctx context.Context, d *db.DB, s blob.Store, keys []string) (int64, error)
}

func kindOf(kinds []Kind, key string) (*Kind, error) {
	for i := range kinds {
		if strings.HasPrefix(key, kinds[i].Prefix) {
			return &kinds[i], nil
		}
	}
	return nil, errs.New(errs.Invalid, "The object %s is of a kind that this version of cairn does not know: use a newer one", key)
}

// gatherObjects has all objects that rows name, sorted.
func gatherObjects(ctx context.Context, q db.Queryer, kinds []Kind, into *keySorter) error {
	for i := range kinds {
		if err := kinds[i].Each(ctx, q, into.add); err != nil {
			return err
		}
	}
	return nil
}

const (
	copyWorkers = 8
	copyBatch   = 512 // objects whose copies end before the next ones begin, so that their order is kept
	reposNamed  = 20
)

// copier brings objects from one store to another. Each is checked on its way; what is there already is not sent again.
type copier struct {
	kinds    []Kind
	from     blob.Store
	fromDir  string // before the keys there
	to       blob.Store
	toDir    string
	doubtful time.Time // objects there from this time on are read before they are relied on; zero: none
	checkAll bool      // nothing that is there is relied on before it was read
	progress func(Progress)

	done    func(o object) error // in the order of the keys: what is there now
	damaged func(key string, err error) error

	mu    sync.Mutex
	stats Progress
	told  time.Time
}

// Progress is how far a copy has come.
type Progress struct {
	Objects int64 `json:"objects"` // looked at
	Copied  int64 `json:"copied"`
	Bytes   int64 `json:"bytes"`   // of those that were copied
	Checked int64 `json:"checked"` // read again where they were copied to, because nothing vouched for them
}

// outcome is what became of one object.
type outcome struct {
	object
	err error // damage of the source
}

// run copies all objects that it is given.
func (c *copier) run(ctx context.Context, next objects) error {
	c.told = time.Now()
	there := newLister(c.to, c.toDir)
	var have *blob.Info
	for {
		batch, err := c.batch(ctx, next, there, &have)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return c.restOf(ctx, there, have)
		}
		if err := c.copyBatch(ctx, batch); err != nil {
			return err
		}
	}
}

// task is an object to look at, and what the other store has under its key.
type task struct {
	object
	have *blob.Info
}

// batch takes the next objects beside what is there of them. Both are sorted: prefixes of one folder change no order.
func (c *copier) batch(ctx context.Context, next objects, there *lister, have **blob.Info) (batch []task, err error) {
	for len(batch) < copyBatch {
		o, ok, err := next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		t := task{object: o}
		for {
			if *have == nil {
				info, ok, err := there.next(ctx)
				if err != nil {
					return nil, err
				}
				if !ok {
					break
				}
				*have = &info
			}
			key := strings.TrimPrefix((*have).Key, c.toDir)
			if key > o.key {
				break
			}
			if key == o.key {
				t.have = *have
			} else if err := c.unneeded(ctx, *have); err != nil {
				return nil, err
			}
			*have = nil
		}
		batch = append(batch, t)
	}
	return batch, nil
}

// restOf looks at what follows the last object that is needed.
func (c *copier) restOf(ctx context.Context, there *lister, have *blob.Info) error {
	if c.doubtful.IsZero() {
		return nil
	}
	for {
		if have != nil {
			if err := c.unneeded(ctx, have); err != nil {
				return err
			}
		}
		info, ok, err := there.next(ctx)
		if err != nil || !ok {
			return err
		}
		have = &info
	}
}

// unneeded looks at an object that this copy does not need. If nothing vouches for it, a later copy would rely on it: when
// it turns out to be broken it goes, which takes nothing from anybody.
func (c *copier) unneeded(ctx context.Context, have *blob.Info) error {
	if !c.inDoubt(have) {
		return nil
	}
	key := strings.TrimPrefix(have.Key, c.toDir)
	kind, err := kindOf(c.kinds, key)
	if err != nil {
		return nil //nolint:nilerr // not ours to judge
	}
	if _, err = c.check(ctx, kind, key); isDamage(err) {
		err = c.to.Delete(ctx, have.Key)
	}
	return err
}

func (c *copier) inDoubt(have *blob.Info) bool {
	return !c.doubtful.IsZero() && !have.ModTime.Before(c.doubtful)
}

func (c *copier) copyBatch(ctx context.Context, batch []task) error {
	results := make([]outcome, len(batch))
	err := eachAtOnce(ctx, len(batch), func(ctx context.Context, i int) (err error) {
		results[i], err = c.one(ctx, batch[i])
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range results {
		var err error
		if r.err != nil {
			err = c.damaged(r.key, r.err)
		} else if c.done != nil {
			err = c.done(r.object)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachAtOnce calls fn for the numbers below n, some at a time, until one fails.
func eachAtOnce(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var at atomic.Int64
	var workers sync.WaitGroup
	for range min(copyWorkers, n) {
		workers.Go(func() {
			for i := int(at.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(at.Add(1)) - 1 {
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// one has an object in the other store.
func (c *copier) one(ctx context.Context, t task) (outcome, error) {
	kind, err := kindOf(c.kinds, t.key)
	if err != nil {
		return outcome{}, err
	}
	if t.have != nil {
		if (t.size < 0 || t.size == t.have.Size) && !c.checkAll && !c.inDoubt(t.have) {
			c.count(0, false, false)
			return outcome{object: object{t.key, t.have.Size}}, nil
		}
		// The length is not what the rows say, or the copy was under way when its writer died: its bytes decide.
		n, err := c.check(ctx, kind, t.key)
		if err == nil {
			c.count(0, false, true)
			return outcome{object: object{t.key, n}}, nil
		}
		if !isDamage(err) {
			return outcome{}, err
		}
	}
	n, err := c.copy(ctx, kind, t.key)
	if isDamage(err) {
		c.count(0, false, false)
		return outcome{object: t.object, err: err}, nil
	}
	c.count(n, true, false)
	return outcome{object: object{t.key, n}}, err
}

// check reads an object where it was copied to, from the disk itself: after a flush that failed, the page cache has bytes that
// the disk never got.
func (c *copier) check(ctx context.Context, kind *Kind, key string) (int64, error) {
	return kind.Copy(ctx, within(pastCaches{c.to}, c.toDir), key, io.Discard)
}

// pastCaches is a store that is read where its objects are kept for good.
type pastCaches struct{ blob.Store }

func (p pastCaches) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	return blob.OpenUncached(ctx, p.Store, key, off, n)
}

// copy sends an object. It becomes visible only when all of it was right.
func (c *copier) copy(ctx context.Context, kind *Kind, key string) (int64, error) {
	up, err := c.to.Create(ctx)
	if err != nil {
		return 0, err
	}
	defer up.Abort()
	n, err := kind.Copy(ctx, within(c.from, c.fromDir), key, up)
	if err != nil {
		return 0, err
	}
	return n, up.Commit(ctx, c.toDir+key)
}

func (c *copier) count(bytes int64, copied, checked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Objects++
	c.stats.Bytes += bytes
	if copied {
		c.stats.Copied++
	}
	if checked {
		c.stats.Checked++
	}
	if now := time.Now(); c.progress != nil && now.Sub(c.told) > progressEvery {
		c.told = now
		c.progress(c.stats)
	}
}

const progressEvery = 10 * time.Second

// folder is the part of a store below a prefix, as far as reading goes.
type folder struct {
	blob.Store
	dir string
}

func within(s blob.Store, dir string) blob.Store {
	if dir == "" {
		return s
	}
	return &folder{s, dir}
}

func (f *folder) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	return f.Store.Open(ctx, f.dir+key, off, n)
}

func (f *folder) Stat(ctx context.Context, key string) (blob.Info, error) {
	info, err := f.Store.Stat(ctx, f.dir+key)
	info.Key = key
	return info, err
}

// damageList keeps what was damaged, as far as it is tolerable to name.
type damageList struct {
	list []Damage
	more int64
}

func (l *damageList) add(d Damage) {
	if len(l.list) < maxDamageKept {
		l.list = append(l.list, d)
	} else {
		l.more++
	}
}

func stateOf(err error) blob.State {
	var d *blob.DamageError
	if errors.As(err, &d) {
		return d.State
	}
	return blob.Corrupt
}
