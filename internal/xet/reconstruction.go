package xet

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// Reconstruction says how to make a range of a file: fetch Xorbs, decode, put the Terms in order, drop OffsetIntoFirst bytes
// at the front and stop after the length of the range.
type Reconstruction struct {
	OffsetIntoFirst uint64
	Terms           []Term
	Xorbs           []XorbFetch // in the order of first use; each xorb once
}

// Term is a segment of the file, cut to the chunks that the range needs.
type Term = Segment

// XorbFetch is what to fetch of one xorb: ranges that neither overlap nor touch, in ascending order.
type XorbFetch struct {
	Xorb   Hash
	Ranges []FetchRange
}

// FetchRange is a run of chunks and the bytes of the stored body where they lie, headers included.
type FetchRange struct {
	ChunkStart, ChunkEnd        uint32 // end-exclusive
	ByteStart, ByteEndInclusive uint64
}

// Plan works out the reconstruction of the bytes [from, to) of a file of the given size; to is cut to size. Every term lies
// within one range of its xorb, and none lies outside [from, to): clients rely on both, and on equal answers to equal
// questions (Xet protocol specification, "File reconstruction"; xet-core, compute_reconstruction_ranges).
//
// A range that begins at or beyond the end gives [ErrRange], except 0 in an empty file, which gives an empty plan. Segments
// that contradict their indexes or the size are [ErrCorrupt]. index is called for terms within the range alone, at most once
// per run of terms from the same xorb; its errors are passed on wrapped.
func Plan(segments []Segment, size, from, to uint64, index func(Hash) (*Index, error)) (*Reconstruction, error) {
	to = min(to, size)
	if size == 0 && from == 0 {
		return &Reconstruction{}, nil
	}
	if from >= to {
		return nil, ErrRange
	}
	p := planner{from: from, to: to, index: index, place: map[Hash]int{}}
	var pos uint64
	for i := 0; i < len(segments) && pos < to; i++ {
		s := &segments[i]
		end := pos + uint64(s.UnpackedBytes)
		if end > from {
			if err := p.add(s, pos); err != nil {
				return nil, fmt.Errorf("term %d: %w", i, err)
			}
		}
		pos = end
	}
	if pos < to {
		return nil, corruptErrorf("terms end at byte %d of a file of %d", pos, size)
	}
	for i := range p.plan.Xorbs {
		p.plan.Xorbs[i].Ranges = mergeRanges(p.plan.Xorbs[i].Ranges)
	}
	return &p.plan, nil
}

type planner struct {
	from, to uint64
	index    func(Hash) (*Index, error)
	last     *Index       // of the term before: runs of terms share a xorb
	place    map[Hash]int // where in plan.Xorbs a xorb is
	plan     Reconstruction
}

// add appends the part of a segment, which begins at pos in the file, that lies within the range.
func (p *planner) add(s *Segment, pos uint64) error {
	x, err := p.find(s)
	if err != nil {
		return err
	}
	start, end := int(s.Start), int(s.End)
	base := x.rawEnd(start)
	if p.from > pos {
		skip := p.from - pos
		start += sort.Search(end-start, func(i int) bool { return x.rawEnd(start+i+1)-base > skip })
	}
	if keep := p.to - pos; keep < uint64(s.UnpackedBytes) {
		end = start + 1 + sort.Search(end-start-1, func(i int) bool { return x.rawEnd(start+i+1)-base >= keep })
	}
	if len(p.plan.Terms) == 0 {
		p.plan.OffsetIntoFirst = p.from - (pos + x.rawEnd(start) - base)
	}
	p.plan.Terms = append(p.plan.Terms, Term{
		Xorb:          s.Xorb,
		UnpackedBytes: uint32(x.RawLen(start, end)),
		Start:         uint32(start),
		End:           uint32(end),
	})
	p.fetch(x, s.Xorb, start, end)
	return nil
}

func (p *planner) find(s *Segment) (*Index, error) {
	x := p.last
	if n := len(p.plan.Terms); n == 0 || p.plan.Terms[n-1].Xorb != s.Xorb {
		var err error
		if x, err = p.index(s.Xorb); err != nil {
			return nil, err
		}
		p.last = x
	}
	if s.Start >= s.End || int64(s.End) > int64(x.NumChunks()) ||
		x.RawLen(int(s.Start), int(s.End)) != uint64(s.UnpackedBytes) {
		return nil, corruptErrorf("chunks %d to %d are not in the xorb", s.Start, s.End)
	}
	return x, nil
}

// fetch notes the chunks to fetch, with their bytes, so that no index has to be kept for later.
func (p *planner) fetch(x *Index, xorb Hash, start, end int) {
	i, ok := p.place[xorb]
	if !ok {
		i = len(p.plan.Xorbs)
		p.place[xorb] = i
		p.plan.Xorbs = append(p.plan.Xorbs, XorbFetch{Xorb: xorb})
	}
	off, n := x.PhysRange(start, end)
	f := &p.plan.Xorbs[i]
	f.Ranges = append(f.Ranges, FetchRange{
		ChunkStart: uint32(start), ChunkEnd: uint32(end),
		ByteStart: uint64(off), ByteEndInclusive: uint64(off + n - 1),
	})
}

// mergeRanges sorts ranges and joins those that overlap or touch.
func mergeRanges(r []FetchRange) []FetchRange {
	slices.SortFunc(r, func(a, b FetchRange) int { return cmp.Compare(a.ChunkStart, b.ChunkStart) })
	out := r[:0]
	for _, next := range r {
		if n := len(out); n > 0 && next.ChunkStart <= out[n-1].ChunkEnd {
			cur := &out[n-1]
			cur.ChunkEnd = max(cur.ChunkEnd, next.ChunkEnd)
			cur.ByteEndInclusive = max(cur.ByteEndInclusive, next.ByteEndInclusive)
			continue
		}
		out = append(out, next)
	}
	return slices.Clip(out)
}
