package patch

import (
	"bytes"
	"io"
	"strconv"
)

const (
	border   = 3  // unchanged lines around a change
	headline = 80 // bytes of the line behind @@ that says where a hunk is
)

// Stat is how many lines a patch adds and deletes.
type Stat struct{ Added, Deleted int }

// Count sums up spans.
func Count(spans []Span) (s Stat) {
	for _, x := range spans {
		s.Added += x.NB
		s.Deleted += x.NA
	}
	return s
}

// WriteHunks writes what differs as unified hunks, without the file's header. Errors are w's.
func WriteHunks(w io.Writer, old, new Text, spans []Span) error {
	p := printer{w: w}
	place, from := "", -1 // of the hunk before
	for len(spans) > 0 {
		n := together(spans)
		h := hunkOf(old, new, spans[:n])
		if found, ok := titleAbove(old, h.a0-1, from); ok {
			place = found
		}
		from = h.a0 - 1
		p.hunk(old, new, h, spans[:n], place)
		spans = spans[n:]
	}
	return p.err
}

// together is how many spans are so close that they share a hunk.
func together(spans []Span) int {
	n := 1
	for n < len(spans) && spans[n].A-(spans[n-1].A+spans[n-1].NA) <= 2*border {
		n++
	}
	return n
}

// hunk is lines [a0, a1) of the old text and [b0, b1) of the new.
type hunk struct{ a0, a1, b0, b1 int }

func hunkOf(old, new Text, spans []Span) hunk {
	first, last := spans[0], spans[len(spans)-1]
	lead := min(border, first.A, first.B)
	tail := min(border, old.Len()-last.A-last.NA, new.Len()-last.B-last.NB)
	return hunk{first.A - lead, last.A + last.NA + tail, first.B - lead, last.B + last.NB + tail}
}

// titleAbove is the nearest line above that begins with a letter, down to a line that was looked at before.
func titleAbove(t Text, at, before int) (string, bool) {
	for ; at > before; at-- {
		line := t.Line(at)
		if c := line[0] | 0x20; 'a' <= c && c <= 'z' || line[0] == '_' || line[0] == '$' {
			return string(bytes.TrimRight(line[:min(len(line), headline)], " \t\n\v\f\r")), true
		}
	}
	return "", false
}

// printer writes and remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) text(s ...string) {
	for _, s := range s {
		if p.err == nil {
			_, p.err = io.WriteString(p.w, s)
		}
	}
}

func (p *printer) bytes(b []byte) {
	if p.err == nil {
		_, p.err = p.w.Write(b)
	}
}

func (p *printer) hunk(old, new Text, h hunk, spans []Span, place string) {
	p.text("@@ -", place1(h.a0, h.a1), " +", place1(h.b0, h.b1), " @@")
	if place != "" {
		p.text(" ", place)
	}
	p.text("\n")
	at := h.a0
	for _, s := range spans {
		p.lines(" ", old, at, s.A)
		p.lines("-", old, s.A, s.A+s.NA)
		p.lines("+", new, s.B, s.B+s.NB)
		at = s.A + s.NA
	}
	p.lines(" ", old, at, h.a1)
}

// place1 is a range of lines as hunks count them: from 1, and the line before where there are none.
func place1(from, to int) string {
	switch to - from {
	case 0:
		return strconv.Itoa(from) + ",0"
	case 1:
		return strconv.Itoa(from + 1)
	}
	return strconv.Itoa(from+1) + "," + strconv.Itoa(to-from)
}

func (p *printer) lines(sign string, t Text, from, to int) {
	for i := from; i < to; i++ {
		line := t.Line(i)
		p.text(sign)
		p.bytes(line)
		if line[len(line)-1] != '\n' {
			p.text("\n\\ No newline at end of file\n")
		}
	}
}
