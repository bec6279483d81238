package patch

// group is a run of changed lines [start, end) of a side, possibly empty: one stands before, between and behind all
// unchanged lines, so that the groups of both sides go in pairs.
type group struct {
	s          *side
	start, end int
}

func firstGroup(s *side) group {
	g := group{s: s}
	g.grow()
	return g
}

func (g *group) grow() {
	for g.s.changed[g.end] {
		g.end++
	}
}

func (g *group) size() int { return g.end - g.start }

func (g *group) next() bool {
	if g.end == len(g.s.ids) {
		return false
	}
	g.start, g.end = g.end+1, g.end+1
	g.grow()
	return true
}

func (g *group) previous() {
	g.end = g.start - 1
	for g.start = g.end; g.start > 0 && g.s.changed[g.start-1]; {
		g.start--
	}
}

// up moves the group one line up, if the line above it equals its last; it may so meet another group and become one with it.
func (g *group) up() bool {
	c := g.s
	if g.start == 0 || c.ids[g.start-1] != c.ids[g.end-1] {
		return false
	}
	g.start, g.end = g.start-1, g.end-1
	c.changed[g.start], c.changed[g.end] = true, false
	for g.start > 0 && c.changed[g.start-1] {
		g.start--
	}
	return true
}

func (g *group) down() bool {
	c := g.s
	if g.end == len(c.ids) || c.ids[g.start] != c.ids[g.end] {
		return false
	}
	c.changed[g.start], c.changed[g.end] = false, true
	g.start, g.end = g.start+1, g.end+1
	g.grow()
	return true
}

// settle moves each group of changed lines that can be moved, because lines repeat, to where it reads best: beside a
// change of the other side if there is one, else where a block of the text begins, else as far down as it goes.
func settle(s, other *side) {
	g, o := firstGroup(s), firstGroup(other)
	for {
		if g.size() > 0 {
			place(&g, &o)
		}
		if !g.next() {
			return
		}
		o.next()
	}
}

func place(g, o *group) {
	highest, beside := spread(g, o)
	if g.end == highest {
		return
	}
	back := func() {
		g.up()
		o.previous()
	}
	if beside {
		for o.size() == 0 {
			back()
		}
		return
	}
	for best := bestEnd(g, highest); g.end > best; {
		back()
	}
}

// spread moves a group as far up and then as far down as it goes, taking in the groups that it meets, and says how far
// up its end came and whether it stood beside a change of the other side on the way.
func spread(g, o *group) (highest int, beside bool) {
	for {
		size := g.size()
		for g.up() {
			o.previous()
		}
		highest, beside = g.end, o.size() > 0
		for g.down() {
			o.next()
			beside = beside || o.size() > 0
		}
		if g.size() == size {
			return highest, beside
		}
	}
}

const maxMoves = 100 // places that are judged

// bestEnd is where the group should end, by the indentation and the blank lines around both of its ends.
func bestEnd(g *group, highest int) int {
	size := g.size()
	best, at := verdict{}, -1
	for end := max(highest, g.end-size-1, g.end-maxMoves); end <= g.end; end++ {
		var v verdict
		v.add(look(g.s.text, end))
		v.add(look(g.s.text, end-size))
		if at < 0 || !best.better(v) {
			best, at = v, end
		}
	}
	return at
}
