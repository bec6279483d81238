package git

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lru"
)

// resolver makes objects of one pack from their entries and those of their bases.
type resolver struct {
	r     io.ReaderAt
	end   int64                       // of the entries
	find  func(hub.OID) (int64, bool) // where an object lies
	pack  hub.OID                     // its hash, where bases of several packs are kept together
	bases *Bases                      // nil: nothing is kept
	work  *atomic.Int64               // bytes that may still be inflated or made; nil: no bound
}

// Bases keeps objects that deltas stand on, those used last, also of several packs. It is safe for concurrent use.
type Bases struct {
	kept    *lru.Cache[baseKey, baseObject]
	largest int // bytes of an object that is kept
}

type baseKey struct {
	pack hub.OID
	off  int64
}

// NewBases keeps up to so many bytes, and no object of more than largest.
func NewBases(bytes int64, largest int) *Bases {
	return &Bases{kept: lru.New[baseKey, baseObject](bytes), largest: largest}
}

// baseObject is an object on which deltas may stand. Nobody changes its bytes.
type baseObject struct {
	kind Kind
	data []byte
}

// spend counts work. Chains of deltas can be laid out so that each object costs all of its chain, whatever is kept.
func (x *resolver) spend(n int) error {
	if x.work != nil && x.work.Add(-int64(n)) < 0 {
		return fmt.Errorf("%w: deltas that take too long to follow; git repack -adf makes others", ErrLimit)
	}
	return nil
}

func (x *resolver) keepBases(bytes int64) { x.bases = NewBases(bytes, deltaBases/2) }

func (x *resolver) get(off int64) (baseObject, bool) {
	if x.bases == nil {
		return baseObject{}, false
	}
	return x.bases.kept.Get(baseKey{x.pack, off})
}

// keep keeps an object that does not push out all others.
func (x *resolver) keep(off int64, o baseObject) {
	if x.bases != nil && len(o.data) <= x.bases.largest {
		x.bases.kept.Put(baseKey{x.pack, off}, o, int64(len(o.data)))
	}
}

// resolve reads the entry at off and, for a delta, its chain: heads first, so that memory holds one delta at a time.
func (x *resolver) resolve(off, limit int64) (Kind, []byte, error) {
	var chain []int64
	for {
		if o, ok := x.get(off); ok {
			return x.apply(o, chain, limit)
		}
		h, err := entryHeadAt(x.r, off, x.end)
		if err != nil {
			return 0, nil, err
		}
		if h.size > limit {
			return 0, nil, fmt.Errorf("%w: %d bytes", ErrLimit, h.size)
		}
		if !h.kind.isDelta() {
			data, err := inflateAt(x.r, off, x.end, limit)
			if err != nil {
				return 0, nil, err
			}
			if err := x.spend(len(data)); err != nil {
				return 0, nil, err
			}
			o := baseObject{h.kind, data}
			x.keep(off, o)
			return x.apply(o, chain, limit)
		}
		if chain = append(chain, off); len(chain) > maxDepth {
			return 0, nil, fmt.Errorf("%w: delta chain", ErrLimit)
		}
		off = h.baseOff
		if h.kind == kindREFDelta {
			var ok bool
			if off, ok = x.find(h.base); !ok {
				return 0, nil, malformed("delta base %s is not in the pack", h.base)
			}
		}
	}
}

// apply makes an object from its base and the deltas between, the object's own first.
func (x *resolver) apply(o baseObject, chain []int64, limit int64) (Kind, []byte, error) {
	for k := len(chain) - 1; k >= 0; k-- {
		delta, err := inflateAt(x.r, chain[k], x.end, limit)
		if err != nil {
			return 0, nil, err
		}
		if o.data, err = applyDelta(o.data, delta, limit); err != nil {
			return 0, nil, err
		}
		if err := x.spend(len(delta) + len(o.data)); err != nil {
			return 0, nil, err
		}
		x.keep(chain[k], o)
	}
	return o.kind, o.data, nil
}
