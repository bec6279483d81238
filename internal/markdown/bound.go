package markdown

import "bytes"

// The bounds on a text's structure. Parsing Markdown takes time that grows with the square of some of these, so a text
// beyond them is not parsed at all. No README that people read comes near.
const (
	maxLineDepth = 60     // block markers (>, -, *, digits, indentation/2) that begin one line
	maxOpen      = 5_000  // opening brackets without a closing one in one paragraph
	maxMarks     = 20_000 // emphasis marks, backticks and the like in one paragraph
	maxLines     = 40_000 // lines that are not empty
	maxCells     = 50_000 // cells of one table, and bars in the text
)

// intricate reports whether a text is over a bound.
func intricate(text []byte) bool {
	var p paragraph
	lines, cells := 0, 0
	for line := range bytes.Lines(text) {
		if lineDepth(line) > maxLineDepth {
			return true
		}
		if len(bytes.TrimSpace(line)) == 0 {
			p = paragraph{}
			continue
		}
		p.add(line)
		if lines++; lines > maxLines {
			return true
		}
		if cells += bytes.Count(line, []byte("|")); p.over() || cells > maxCells {
			return true
		}
	}
	return false
}

// lineDepth counts the blocks that a line's beginning could open.
func lineDepth(line []byte) int {
	depth, spaces := 0, 0
	for i, c := range line {
		switch {
		case c == ' ':
			if spaces++; spaces%2 == 0 {
				depth++
			}
		case c == '\t':
			depth += 2
		case c == '>':
			depth++
		case c == '-' || c == '*' || c == '+':
			if i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t') {
				depth++
			} else {
				return depth
			}
		case c >= '0' && c <= '9' || c == '.' || c == ')':
			if c == '.' || c == ')' {
				depth++
			}
		default:
			return indented(depth, spaces, line)
		}
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return 0
	}
	return depth
}

// indented forgives plain indentation: a line that only begins with white space is code or a continuation, however deep.
func indented(depth, spaces int, line []byte) int {
	trimmed := bytes.TrimLeft(line, " \t")
	if lead := len(line) - len(trimmed); lead >= spaces && lead > 0 {
		return 0
	}
	return depth
}

// paragraph counts the marks that inline parsing looks back and forth between, and the cells of a table: its second line
// says how many each of its rows has, written or not.
type paragraph struct{ open, marks, columns, cells int }

func (p *paragraph) add(line []byte) {
	if len(bytes.Trim(line, "|-: \t\r\n>")) == 0 {
		p.columns = max(p.columns, bytes.Count(line, []byte("|"))+1)
	}
	p.cells += p.columns
	for _, c := range line {
		switch c {
		case '[', '(', '<', '{':
			p.open++
			p.marks++
		case ']', ')', '>', '}':
			p.open = max(p.open-1, 0)
			p.marks++
		case '*', '_', '~', '`', '!', '&', '\\', ':', '@':
			p.marks++
		}
	}
}

func (p *paragraph) over() bool { return p.open > maxOpen || p.marks > maxMarks || p.cells > maxCells }
