package repair

import (
	"fmt"
	"io"
	"strings"
)

// line keeps text that came from outside from looking like more lines, or like commands to a terminal.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// WriteText writes a result for people.
func (r *Result) WriteText(w io.Writer, dry bool) {
	fmt.Fprintf(w, "%-8s  %s  %s", r.Outcome.words(dry), r.Kind, line(r.Key))
	if r.How != "" {
		fmt.Fprintf(w, " (%s)", r.How)
	}
	fmt.Fprintln(w)
	if r.Detail != "" {
		fmt.Fprintf(w, "          %s\n", line(r.Detail))
	}
	for _, a := range r.Affects {
		fmt.Fprintf(w, "          in %s\n", line(a.String()))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "          and %d more places\n", r.More)
	}
}

func (o Outcome) words(dry bool) string {
	if dry && (o == Repaired || o == Lost) {
		return "would be " + string(o)
	}
	return string(o)
}

// WriteText writes the sums for people.
func (r *Report) WriteText(w io.Writer, dry bool) {
	if dry {
		fmt.Fprint(w, "dry run: nothing was changed; ")
	}
	if r.Unneeded > 0 {
		fmt.Fprintf(w, "%d damaged that no file needs, ", r.Unneeded)
	}
	if r.Given > 0 {
		fmt.Fprintf(w, "%d lost before, ", r.Given)
	}
	fmt.Fprintf(w, "%d repaired, %d found sound, %d lost, %d still damaged\n", r.Repaired, r.Sound, r.Lost, r.Left)
}
