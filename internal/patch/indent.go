package patch

const (
	maxIndent = 200
	maxBlank  = 20
	noIndent  = -1 // of a blank line, and beyond the text
)

// split is what the text looks like around a place between two lines.
type split struct {
	end                 bool // the text ends here
	indent              int  // of the line behind
	before, blankBefore int  // indentation of the last line before that is not blank, blank lines up to there
	after, blankAfter   int  // the same, after the line behind
}

func look(t Text, at int) split {
	s := split{end: at >= t.Len(), indent: noIndent}
	if !s.end {
		s.indent = indentOf(t.Line(at))
	}
	s.before, s.blankBefore = nearest(t, at-1, -1)
	s.after, s.blankAfter = nearest(t, at+1, 1)
	return s
}

func nearest(t Text, i, step int) (indent, blank int) {
	for ; i >= 0 && i < t.Len(); i += step {
		if indent = indentOf(t.Line(i)); indent != noIndent {
			return indent, blank
		}
		if blank++; blank == maxBlank {
			return 0, blank
		}
	}
	return noIndent, blank
}

func indentOf(line []byte) int {
	n := 0
	for _, c := range line {
		switch c {
		case ' ':
			n++
		case '\t':
			n += 8 - n%8
		case '\n', '\r', '\v', '\f':
		default:
			return n
		}
		if n >= maxIndent {
			return maxIndent
		}
	}
	return noIndent
}

// The weights that git found by trying them on many histories (git-diff(1), --indent-heuristic).
const (
	atStart       = 1
	atEnd         = 21
	perBlank      = -30
	perBlankAfter = 6
	indentWeight  = 60
)

// penalties of a step in indentation, without and with a blank line beside it.
var (
	deeper  = [2]int{-4, 10}
	outdent = [2]int{24, 17} // shallower, with a deeper line to follow
	dedent  = [2]int{23, 17} // shallower for good
)

// verdict is how good a place is; less is better.
type verdict struct{ indent, penalty int }

func (v *verdict) add(s split) {
	if s.before == noIndent && s.blankBefore == 0 {
		v.penalty += atStart
	}
	if s.end {
		v.penalty += atEnd
	}
	blankAfter := 0
	if s.indent == noIndent {
		blankAfter = 1 + s.blankAfter
	}
	blank := s.blankBefore + blankAfter
	v.penalty += perBlank*blank + perBlankAfter*blankAfter
	indent := s.indent
	if indent == noIndent {
		indent = s.after
	}
	v.indent += indent
	if indent == noIndent || s.before == noIndent {
		return
	}
	with := 0
	if blank > 0 {
		with = 1
	}
	switch {
	case indent > s.before:
		v.penalty += deeper[with]
	case indent == s.before:
	case s.after > indent:
		v.penalty += outdent[with]
	default:
		v.penalty += dedent[with]
	}
}

// better reports whether v is strictly better than w.
func (v verdict) better(w verdict) bool {
	d := v.penalty - w.penalty
	switch {
	case v.indent > w.indent:
		d += indentWeight
	case v.indent < w.indent:
		d -= indentWeight
	}
	return d < 0
}
