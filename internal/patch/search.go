package patch

import "math"

// The bounds of the search, as git's: they trade the shortest difference for time where texts differ much.
const (
	leastCost = 256     // differences that are always looked for
	manyLines = 500_000 // of both texts, from where on no more are: git looks for their root
	longSnake = 20      // equal lines that make a good place to cut
	goodRatio = 4       // how much further than its cost a path must have come to be taken early
)

// search finds a longest common subsequence of two lists of line classes by divide and conquer: from both corners paths
// of growing cost are followed along the diagonals until two meet; there the box is cut in two.
type search struct {
	a, b     *side
	fwd, bwd []int32 // by diagonal: how far along a the furthest path has come
	zero     int     // index of diagonal 0
	maxCost  int
}

func newSearch(a, b *side) *search {
	n := len(a.keys) + len(b.keys) + 3
	v := make([]int32, 2*n)
	s := &search{a: a, b: b, fwd: v[:n], bwd: v[n:], zero: len(b.keys) + 1, maxCost: leastCost}
	if n <= manyLines {
		s.maxCost = max(s.maxCost, root(n))
	}
	return s
}

func (s *search) run() { s.box(box{0, len(s.a.keys), 0, len(s.b.keys)}, false) }

// box is lines [a0, a1) of the one list and [b0, b1) of the other.
type box struct{ a0, a1, b0, b1 int }

// box marks what differs within a box. exact forbids the short cuts: the box is known to be cheap.
func (s *search) box(x box, exact bool) {
	for x.a0 < x.a1 && x.b0 < x.b1 && s.a.keys[x.a0] == s.b.keys[x.b0] {
		x.a0, x.b0 = x.a0+1, x.b0+1
	}
	for x.a0 < x.a1 && x.b0 < x.b1 && s.a.keys[x.a1-1] == s.b.keys[x.b1-1] {
		x.a1, x.b1 = x.a1-1, x.b1-1
	}
	if x.a0 == x.a1 || x.b0 == x.b1 {
		s.a.mark(x.a0, x.a1)
		s.b.mark(x.b0, x.b1)
		return
	}
	c := s.cut(x, exact)
	s.box(box{x.a0, c.a, x.b0, c.b}, c.exactBefore)
	s.box(box{c.a, x.a1, c.b, x.b1}, c.exactAfter)
}

func (s *side) mark(from, to int) {
	for _, i := range s.kept[from:to] {
		s.changed[i] = true
	}
}

// cut is where a box is cut in two, and which halves are known to be cheap.
type cut struct {
	a, b                    int
	exactBefore, exactAfter bool
}

// front is the diagonals that the paths from one corner have reached.
type front struct{ mid, lo, hi int }

// widen takes in one diagonal on each side, within the box; beyond stands a value that no path takes.
func (f *front) widen(v []int32, zero, lo, hi int, beyond int32) {
	if f.lo > lo {
		f.lo--
		v[zero+f.lo-1] = beyond
	} else {
		f.lo++
	}
	if f.hi < hi {
		f.hi++
		v[zero+f.hi+1] = beyond
	} else {
		f.hi--
	}
}

func (f *front) has(d int) bool { return f.lo <= d && d <= f.hi }

func (s *search) cut(x box, exact bool) cut {
	lo, hi := x.a0-x.b1, x.a1-x.b0 // the diagonals of the box
	f := front{x.a0 - x.b0, x.a0 - x.b0, x.a0 - x.b0}
	b := front{x.a1 - x.b1, x.a1 - x.b1, x.a1 - x.b1}
	odd := (f.mid-b.mid)&1 != 0
	s.fwd[s.zero+f.mid], s.bwd[s.zero+b.mid] = int32(x.a0), int32(x.a1)
	for cost := 1; ; cost++ {
		f.widen(s.fwd, s.zero, lo, hi, -1)
		c, met, snakeF := s.forward(x, &f, &b, odd)
		if met {
			return c
		}
		b.widen(s.bwd, s.zero, lo, hi, math.MaxInt32)
		c, met, snakeB := s.backward(x, &f, &b, odd)
		if met {
			return c
		}
		if exact {
			continue
		}
		if (snakeF || snakeB) && cost > leastCost {
			if c, ok := s.early(x, &f, &b, cost); ok {
				return c
			}
		}
		if cost >= s.maxCost {
			return s.furthest(x, &f, &b)
		}
	}
}

// forward makes all forward paths one difference longer. met: one touches a backward path.
func (s *search) forward(x box, f, b *front, odd bool) (c cut, met, snake bool) {
	ka, kb, v := s.a.keys, s.b.keys, s.fwd
	for d := f.hi; d >= f.lo; d -= 2 {
		k := s.zero + d
		i := int(v[k+1])
		if int(v[k-1]) >= i {
			i = int(v[k-1]) + 1
		}
		from, j := i, i-d
		for i < x.a1 && j < x.b1 && ka[i] == kb[j] {
			i, j = i+1, j+1
		}
		snake = snake || i-from > longSnake
		v[k] = int32(i)
		if odd && b.has(d) && int(s.bwd[k]) <= i {
			return cut{i, j, true, true}, true, snake
		}
	}
	return cut{}, false, snake
}

// backward is forward from the other corner.
func (s *search) backward(x box, f, b *front, odd bool) (c cut, met, snake bool) {
	ka, kb, v := s.a.keys, s.b.keys, s.bwd
	for d := b.hi; d >= b.lo; d -= 2 {
		k := s.zero + d
		i := int(v[k+1]) - 1
		if v[k-1] < v[k+1] {
			i = int(v[k-1])
		}
		from, j := i, i-d
		for i > x.a0 && j > x.b0 && ka[i-1] == kb[j-1] {
			i, j = i-1, j-1
		}
		snake = snake || from-i > longSnake
		v[k] = int32(i)
		if !odd && f.has(d) && i <= int(s.fwd[k]) {
			return cut{i, j, true, true}, true, snake
		}
	}
	return cut{}, false, snake
}

// early takes a path that has come far for its cost and ends in a long run of equal lines.
func (s *search) early(x box, f, b *front, cost int) (c cut, ok bool) {
	best := 0
	for d := f.hi; d >= f.lo; d -= 2 {
		i := int(s.fwd[s.zero+d])
		j := i - d
		come := (i - x.a0) + (j - x.b0) - abs(d-f.mid)
		if come > goodRatio*cost && come > best && x.a0+longSnake <= i && i < x.a1 && x.b0+longSnake <= j && j < x.b1 && s.equal(i-longSnake, j-longSnake) {
			best, c = come, cut{i, j, true, false}
		}
	}
	if best > 0 {
		return c, true
	}
	for d := b.hi; d >= b.lo; d -= 2 {
		i := int(s.bwd[s.zero+d])
		j := i - d
		come := (x.a1 - i) + (x.b1 - j) - abs(d-b.mid)
		if come > goodRatio*cost && come > best && x.a0 < i && i <= x.a1-longSnake && x.b0 < j && j <= x.b1-longSnake && s.equal(i, j) {
			best, c = come, cut{i, j, false, true}
		}
	}
	return c, best > 0
}

func (s *search) equal(i, j int) bool {
	for k := range longSnake {
		if s.a.keys[i+k] != s.b.keys[j+k] {
			return false
		}
	}
	return true
}

// furthest gives up on the shortest difference and cuts where a path has come furthest.
func (s *search) furthest(x box, f, b *front) cut {
	fBest, fi := -1, -1
	for d := f.hi; d >= f.lo; d -= 2 {
		i := min(int(s.fwd[s.zero+d]), x.a1)
		j := i - d
		if j > x.b1 {
			i, j = x.b1+d, x.b1
		}
		if i+j > fBest {
			fBest, fi = i+j, i
		}
	}
	bBest, bi := math.MaxInt, math.MaxInt
	for d := b.hi; d >= b.lo; d -= 2 {
		i := max(int(s.bwd[s.zero+d]), x.a0)
		j := i - d
		if j < x.b0 {
			i, j = x.b0+d, x.b0
		}
		if i+j < bBest {
			bBest, bi = i+j, i
		}
	}
	if x.a1+x.b1-bBest < fBest-(x.a0+x.b0) {
		return cut{fi, fBest - fi, true, false}
	}
	return cut{bi, bBest - bi, false, true}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
