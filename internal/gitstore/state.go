package gitstore

import (
	"sync"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// smallPack is the number of objects up to which a pack's objects go into the repository's map.
const smallPack = 2048

// pack is one row of git_pack with its catalog, without its bytes.
type pack struct {
	repoID   string
	seq      int64
	size     int64
	packKey  string // empty: the bytes are in the row
	indexKey string
	cat      *git.Catalog
}

// state is the packs of a repository at one fold_epoch. Packs are added as they are committed and never removed; a fold
// makes another state, so a view that holds this one keeps finding its objects.
type state struct {
	repoID   string
	epoch    int64
	collects int64 // collect_epoch: objects that were found before it grew may be gone

	mu     sync.RWMutex
	seq    int64
	packs  []*pack
	large  []*pack // searched one by one, newest first
	small  map[hub.OID]place
	weight int64
}

// place says where an object lies: number of the pack in packs, index in its catalog.
type place struct{ pack, index int32 }

func newState(repoID string, epoch int64) *state {
	return &state{repoID: repoID, epoch: epoch, small: map[hub.OID]place{}}
}

// add appends a pack; the caller holds mu or is the only one to know the state.
func (st *state) add(p *pack) {
	n := int32(len(st.packs))
	st.packs = append(st.packs, p)
	st.seq = max(st.seq, p.seq)
	st.weight += int64(len(p.cat.Bytes())) + 256
	if p.cat.Len() > smallPack {
		st.large = append([]*pack{p}, st.large...)
		return
	}
	for i := 0; i < p.cat.Len(); i++ {
		st.small[p.cat.OID(i)] = place{n, int32(i)}
	}
	st.weight += 48 * int64(p.cat.Len())
}

// extend appends a pack when it is the next one.
func (st *state) extend(p *pack) (ok bool, weight int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.seq+1 != p.seq {
		return false, st.weight
	}
	st.add(p)
	return true, st.weight
}

// at reports whether the state knows all that a repository had at these numbers.
func (st *state) at(seq, epoch int64) bool {
	if st.epoch != epoch {
		return st.epoch > epoch
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.seq >= seq
}

// find is the pack that holds an object, and the object's index in the catalog.
func (st *state) find(oid hub.OID) (*pack, int, bool) {
	st.mu.RLock()
	if pl, ok := st.small[oid]; ok {
		p := st.packs[pl.pack]
		st.mu.RUnlock()
		return p, int(pl.index), true
	}
	large := st.large
	st.mu.RUnlock()
	for _, p := range large {
		if i, ok := p.cat.Find(oid); ok {
			return p, i, true
		}
	}
	return nil, 0, false
}

func (st *state) has(oid hub.OID) bool {
	_, _, ok := st.find(oid)
	return ok
}

// bytes is about how much memory the state holds.
func (st *state) bytes() int64 {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.weight
}

// upTo is the packs by now, and the repository's pack_seq at which these are all.
func (st *state) upTo() ([]*pack, int64) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.packs[:len(st.packs):len(st.packs)], st.seq
}

// all is the packs by now.
func (st *state) all() []*pack {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.packs[:len(st.packs):len(st.packs)]
}
