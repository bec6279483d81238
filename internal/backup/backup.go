package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
)

// Hub is the storage that is copied, or made from a copy.
type Hub struct {
	DB      *db.DB
	Blobs   blob.Store
	Kinds   []Kind
	Version string // of the program
	TempDir string // for lists that do not fit into memory; empty: the system's
	Log     *slog.Logger

	// RepoNames turns ids of repositories into names that people know. It leaves ids as they are that it does not know.
	RepoNames func(ctx context.Context, q db.Queryer, ids []string) []string
}

// Target is a store of backups.
type Target struct {
	Store blob.Store
	// Flush has all that was written to Store outlive a power cut; nil: it does already when Commit returns.
	Flush func(ctx context.Context) error
	// Durable is the same store, each of whose objects outlives a power cut by itself.
	Durable blob.Store
}

// flushOnceFailed is its flush, which is never tried again after it failed: the kernel tells of what it could not write once,
// and would call the next attempt a success.
func (t Target) flushOnceFailed() func(ctx context.Context) error {
	var failed error
	return func(ctx context.Context) error {
		if t.Flush != nil && failed == nil {
			failed = t.Flush(ctx)
		}
		return failed
	}
}

// holdTime is for how long a backup that has died keeps bytes from being deleted.
const holdTime = 15 * time.Minute

// Run copies the hub into a store of backups, while it works. Objects that cannot be copied because they are damaged are in
// the manifest, with the repositories that need them, and all others are copied.
func Run(ctx context.Context, h Hub, to Target, progress func(Progress)) (m *Manifest, stats Progress, err error) {
	l, ctx, err := takeLease(ctx, to.Durable, forBackup)
	if err != nil {
		return nil, stats, err
	}
	sound, flush := false, to.flushOnceFailed()
	defer func() {
		// What came across before a failure is kept for the next run, and vouched for if it has reached the disk.
		l.release(ctx, sound || flush(context.WithoutCancel(ctx)) == nil)
	}()
	held, err := hold.Take(ctx, h.DB, hold.Hold{Kind: "backup", Reason: "cairn backup is copying what the database named when it began"}, holdTime)
	if err != nil {
		return nil, stats, err
	}
	m, stats, err = h.copyAll(held.Context(), to, l, progress)
	if e := held.Release(ctx); err == nil {
		err = e // bytes may have been deleted that the rows name
	}
	if err == nil {
		err = flush(ctx)
	}
	if err == nil {
		err = present(ctx, to.Durable, m, h.Kinds)
	}
	if err == nil {
		err = l.seal(ctx, m)
	}
	if err == nil {
		sound = true
		h.remember(ctx, madeBackup, m)
		err = l.buryDead(ctx)
	}
	if err == nil {
		if e := endLeftovers(ctx, to.Durable); e != nil {
			h.Log.Warn("uploads that were never completed are left in the store of the backup", "error", e)
		}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return m, stats, err
}

// seal writes the manifest, unless a prune may have deleted meanwhile what present has seen. It goes again when that shows
// afterwards: a prune that read the manifests before this one was there keeps nothing for it.
func (l *lease) seal(ctx context.Context, m *Manifest) error {
	if err := l.unbroken(ctx); err != nil {
		return err
	}
	m.Finished = time.Now().UTC()
	if err := m.write(ctx, l.store); err != nil {
		return err
	}
	err := l.unbroken(ctx)
	if err != nil {
		err = errors.Join(err, l.store.Delete(context.WithoutCancel(ctx), manifestKey(m.ID)))
	}
	return err
}

// present makes sure that all objects are there before a manifest says so: somebody may have pruned while this machine slept.
func present(ctx context.Context, s blob.Store, m *Manifest, kinds []Kind) error {
	r, found := &Report{}, &damageList{}
	if err := checkObjects(ctx, s, m, kinds, false, r, found); err != nil {
		return err
	}
	if n := int64(len(found.list)) + found.more; n > 0 {
		return fmt.Errorf("%d objects went away from the store of the backup while it ran (%s is %s): run it again", n, found.list[0].Key, found.list[0].State)
	}
	return nil
}

// copyAll writes all of a copy but its manifest.
func (h *Hub) copyAll(ctx context.Context, to Target, l *lease, progress func(Progress)) (*Manifest, Progress, error) {
	m := &Manifest{Format: format, Cairn: h.Version, Copied: true}
	keys := newKeySorter(h.TempDir)
	defer keys.close()
	if err := h.snapshot(ctx, to.Store, m, keys); err != nil {
		return nil, Progress{}, err
	}
	needed, err := keys.sorted()
	if err != nil {
		return nil, Progress{}, err
	}
	w, err := newListWriter(ctx, to.Store, m.ID)
	if err != nil {
		return nil, Progress{}, err
	}
	defer w.w.abort()
	found := &damageList{}
	c := &copier{kinds: h.Kinds, from: h.Blobs, to: to.Store, toDir: objectDir, doubtful: l.since, progress: progress,
		done: w.add, damaged: h.noteDamage(ctx, found, &m.Lost)}
	if err := c.run(ctx, needed); err != nil {
		return nil, c.stats, err
	}
	m.Objects, err = w.finish()
	m.Damaged, m.MoreDamaged = found.list, found.more
	return m, c.stats, err
}

// snapshot writes the rows, and gathers the objects that they name. It lasts no longer than that, for as long as it does
// the database cannot tidy up.
func (h *Hub) snapshot(ctx context.Context, to blob.Store, m *Manifest, keys *keySorter) error {
	return h.DB.Snapshot(ctx, func(q *db.Snapshot) (err error) {
		if m.Schema, err = db.SchemaVersion(ctx, q); err != nil {
			return err
		}
		m.Engine, m.Created = q.Dialect(), q.Now().UTC()
		m.ID = newID(m.Created)
		if err := dumpRows(ctx, q, to, m); err != nil {
			return err
		}
		return gatherObjects(ctx, q, h.Kinds, keys)
	})
}

// noteDamage names who needs a damaged object. One that was given up as lost is counted: it is no news.
func (h *Hub) noteDamage(ctx context.Context, into *damageList, lost *int64) func(string, error) error {
	return func(key string, damage error) error {
		d := Damage{Key: key, State: stateOf(damage)}
		kind, err := kindOf(h.Kinds, key)
		if err == nil && kind.Lost != nil {
			given, err := kind.Lost(ctx, h.DB, key)
			if err != nil {
				return err
			}
			if given {
				*lost++
				return nil
			}
		}
		if err == nil && kind.Repos != nil {
			d.Repos, err = kind.Repos(ctx, h.DB, key, reposNamed)
		}
		if err != nil {
			return err
		}
		if h.RepoNames != nil {
			d.Repos = h.RepoNames(ctx, h.DB, d.Repos)
		}
		h.Log.Error("an object is damaged and was not copied", "key", key, "repositories", d.Repos, "error", damage)
		into.add(d)
		return nil
	}
}

// List is the copies in a store, oldest first: whole ones, broken ones, and those without a manifest.
func List(ctx context.Context, s blob.Store) ([]Entry, error) { return list(ctx, s) }

// Find is a copy by its id; empty: the newest that has a whole manifest.
func Find(ctx context.Context, s blob.Store, id string) (*Manifest, error) {
	if id != "" {
		if !idForm.MatchString(id) {
			return nil, errs.New(errs.Invalid, "%q is no id of a backup: 'cairn backup list' shows them", id)
		}
		m, err := readManifest(ctx, s, id)
		if errs.Is(err, errs.NotFound) {
			return nil, errs.New(errs.NotFound, "There is no finished backup %s in this store: 'cairn backup list' shows what there is", id)
		}
		return m, err
	}
	found, err := list(ctx, s)
	if err != nil {
		return nil, err
	}
	for i := len(found) - 1; i >= 0; i-- {
		if found[i].Manifest != nil {
			return found[i].Manifest, nil
		}
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("none of the %d backups in this store is whole: %w", len(found), errors.Join(found[len(found)-1].Err))
	}
	return nil, errs.New(errs.NotFound, "There is no backup in this store")
}
