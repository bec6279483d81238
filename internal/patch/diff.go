package patch

import "bytes"

// Span is a run of lines that differ: NA lines of the old text from line A on became NB lines of the new from line B on,
// counted from 0. One of the numbers may be 0, not both.
type Span struct{ A, NA, B, NB int }

// side is one text while it is compared.
type side struct {
	text    Text
	ids     []int32 // class of each line
	changed []bool  // one more than lines; the last stays false
	kept    []int32 // the lines that take part in the search
	keys    []int32 // their classes
}

func newSide(t Text, ids []int32) *side {
	return &side{text: t, ids: ids, changed: make([]bool, len(ids)+1)}
}

// Diff lists what differs, in order.
func Diff(old, new Text) []Span {
	ia, ib, n := number(old, new)
	a, b := newSide(old, ia), newSide(new, ib)
	choose(a, b, n)
	newSearch(a, b).run()
	settle(a, b)
	settle(b, a)
	return spans(a, b)
}

// DiffEnds finds only what both texts begin and end with, in one pass; all between is one difference.
func DiffEnds(old, new Text) []Span {
	n, start, tail := min(old.Len(), new.Len()), 0, 0
	for start < n && bytes.Equal(old.Line(start), new.Line(start)) {
		start++
	}
	for tail < n-start && bytes.Equal(old.Line(old.Len()-1-tail), new.Line(new.Len()-1-tail)) {
		tail++
	}
	s := Span{start, old.Len() - tail - start, start, new.Len() - tail - start}
	if s.NA == 0 && s.NB == 0 {
		return nil
	}
	return []Span{s}
}

func spans(a, b *side) (out []Span) {
	for i, j := 0, 0; i < len(a.ids) || j < len(b.ids); {
		s := Span{A: i, B: j}
		for a.changed[i] {
			i++
		}
		for b.changed[j] {
			j++
		}
		if s.NA, s.NB = i-s.A, j-s.B; s.NA > 0 || s.NB > 0 {
			out = append(out, s)
			continue
		}
		i, j = i+1, j+1
	}
	return out
}

const (
	mostEqual = 1024 // lines with more equals in the other text than this, or than its root, hinder more than they help
	around    = 100  // lines that are looked at to judge such a line
)

// choose picks the lines that the search compares: not those that both texts begin and end with, not those that the
// other text lacks, and not very frequent ones amid such lines. What is left out counts as changed.
func choose(a, b *side, classes int) {
	start := 0
	for start < min(len(a.ids), len(b.ids)) && a.ids[start] == b.ids[start] {
		start++
	}
	tail := 0
	for tail < min(len(a.ids), len(b.ids))-start && a.ids[len(a.ids)-1-tail] == b.ids[len(b.ids)-1-tail] {
		tail++
	}
	na, nb := count(a.ids, classes), count(b.ids, classes)
	a.choose(start, len(a.ids)-tail, nb)
	b.choose(start, len(b.ids)-tail, na)
}

func count(ids []int32, classes int) []int32 {
	n := make([]int32, classes)
	for _, id := range ids {
		n[id]++
	}
	return n
}

// How often the other text has a line.
const (
	never = iota
	some
	often
)

func (s *side) choose(from, to int, others []int32) {
	limit := int32(min(root(len(s.ids)), mostEqual))
	freq := make([]uint8, to-from)
	for i := range freq {
		switch n := others[s.ids[from+i]]; {
		case n >= limit:
			freq[i] = often
		case n > 0:
			freq[i] = some
		}
	}
	for i, f := range freq {
		if f == some || f == often && !lost(freq, i) {
			s.kept = append(s.kept, int32(from+i))
			s.keys = append(s.keys, s.ids[from+i])
		} else {
			s.changed[from+i] = true
		}
	}
}

// lost reports whether a frequent line stands amid lines that the other text lacks, on both sides of it.
func lost(freq []uint8, at int) bool {
	before, beforeOften := run(freq, at, -1)
	after, afterOften := run(freq, at, 1)
	if before == 0 || after == 0 {
		return false
	}
	frequent := beforeOften + afterOften + 2
	return 4*frequent < frequent+before+after
}

// run counts, from a line on, the lines without an equal and the frequent ones, up to the first of another kind.
func run(freq []uint8, at, step int) (none, many int) {
	for k := 1; k <= around; k++ {
		i := at + k*step
		if i < 0 || i >= len(freq) || freq[i] == some {
			break
		}
		if freq[i] == never {
			none++
		} else {
			many++
		}
	}
	return none, many
}

// root is about the square root, a power of two.
func root(n int) int {
	r := 1
	for ; n > 0; n >>= 2 {
		r <<= 1
	}
	return r
}

const tailBlock = 1024 // bytes

// DiffBare is Diff as git does it where no unchanged lines are shown: a common end is left out before lines are looked
// at, so groups of changed lines are not moved into it. Blame compares so.
func DiffBare(old, new []byte) []Span {
	n := 0
	for n+tailBlock <= min(len(old), len(new)) && bytes.Equal(old[len(old)-n-tailBlock:len(old)-n], new[len(new)-n-tailBlock:len(new)-n]) {
		n += tailBlock
	}
	if k := bytes.IndexByte(old[len(old)-n:], '\n'); k >= 0 { // up to the end of a line
		n -= k + 1
	} else {
		n = 0
	}
	return Diff(NewText(old[:len(old)-n]), NewText(new[:len(new)-n]))
}
