package gitstore

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Tips are a repository's refs at one time, with what its tags stand for. Do not change them.
type Tips struct {
	Refs []git.AdvertisedRef // in the order of their names
	id   [sha256.Size]byte   // of names and objects
}

// Find is the object of a ref.
func (t *Tips) Find(name string) (hub.OID, bool) {
	for i := range t.Refs {
		if t.Refs[i].Name == name {
			return t.Refs[i].OID, true
		}
	}
	return hub.OID{}, false
}

// tipCache keeps tips for as long as nothing in the database changes, and what tags stand for beyond that.
type tipCache struct {
	mu   sync.Mutex
	kept map[string]keptTips
	refs int // in all of kept
}

type keptTips struct {
	changes uint64
	tips    *Tips
}

const maxKeptRefs = 200_000

func (c *tipCache) get(repoID string) (keptTips, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[repoID]
	return k, ok
}

func (c *tipCache) put(repoID string, k keptTips) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || c.refs+len(k.tips.Refs) > maxKeptRefs {
		c.kept, c.refs = map[string]keptTips{}, 0
	}
	if old, ok := c.kept[repoID]; ok {
		c.refs -= len(old.tips.Refs) + 1
	}
	c.kept[repoID] = k
	c.refs += len(k.tips.Refs) + 1
}

// Tips reads a repository's refs.
func (c *Copies) Tips(ctx context.Context, repoID string) (*Tips, error) {
	changes := c.s.db.Changes() // before the read: what changes meanwhile makes the answer stale
	old, ok := c.tips.get(repoID)
	if ok && old.changes == changes {
		return old.tips, nil
	}
	refs, err := c.s.Refs(ctx, c.s.db, repoID, "refs/")
	if err != nil {
		return nil, err
	}
	t, err := c.makeTips(ctx, repoID, refs, old.tips)
	if err == nil {
		c.tips.put(repoID, keptTips{changes, t})
	}
	return t, err
}

func (c *Copies) makeTips(ctx context.Context, repoID string, refs []Ref, old *Tips) (*Tips, error) {
	h := sha256.New()
	for _, r := range refs {
		h.Write(r.OID[:])
		h.Write([]byte(r.Name + "\n"))
	}
	t := &Tips{Refs: make([]git.AdvertisedRef, len(refs))}
	if h.Sum(t.id[:0]); old != nil && old.id == t.id {
		return old, nil
	}
	known := map[hub.OID]hub.OID{}
	if old != nil {
		for _, r := range old.Refs {
			known[r.OID] = r.Peeled
		}
	}
	view, err := c.s.Open(ctx, repoID)
	if err != nil {
		return nil, err
	}
	for i, r := range refs {
		peeled, ok := known[r.OID]
		if !ok {
			if peeled, err = view.peelTag(ctx, r.OID); err != nil {
				return nil, err
			}
		}
		t.Refs[i] = git.AdvertisedRef{Name: r.Name, OID: r.OID, Peeled: peeled}
	}
	return t, nil
}

// peelTag is the object that a tag stands for in the end; zero for what is no tag.
func (r *Repo) peelTag(ctx context.Context, oid hub.OID) (peeled hub.OID, err error) {
	if !r.Has(oid) { // the ref may be younger than the view
		if _, err := r.catchUp(ctx); err != nil {
			return peeled, err
		}
	}
	for range 10 {
		if kind, _ := r.Kind(oid); kind != git.KindTag {
			return peeled, nil
		}
		t, err := r.Tag(ctx, oid)
		if err != nil {
			return peeled, err
		}
		oid, peeled = t.Object, t.Object
	}
	return peeled, nil
}
