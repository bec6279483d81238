package fsck

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes a report for people: each finding with what it touches and what to do, then what was looked at.
func (r *Report) WriteText(w io.Writer) {
	r.WriteFindings(w)
	r.WriteSums(w)
}

// WriteFindings writes what was found.
func (r *Report) WriteFindings(w io.Writer) {
	for _, f := range r.Findings {
		f.writeText(w)
	}
	if left := r.Damage + r.Warnings + r.Orphans - len(r.Findings); left > 0 {
		fmt.Fprintf(w, "and %d more findings that are not listed\n", left)
	}
}

// WriteSums writes what was looked at, all of which a run has that came to its end.
func (r *Report) WriteSums(w io.Writer) {
	fmt.Fprintf(w, "looked at %d repositories with %d files and %d large ones, %d xorbs, %d packs, %d pictures; read %s of data\n",
		r.Repos, r.Objects, r.Files, r.Xorbs, r.Packs, r.Pictures, size(r.Bytes))
	fmt.Fprintf(w, "%s: %d damaged, %d warnings, %d orphans\n", r.verdict(), r.Damage, r.Warnings, r.Orphans)
}

func (r *Report) verdict() string {
	if r.Clean() {
		return "clean"
	}
	return "DAMAGE FOUND"
}

// line keeps text that came from outside from looking like more lines, or like commands to a terminal.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func (f *Finding) writeText(w io.Writer) {
	fmt.Fprintf(w, "%-7s  %s  %s: %s\n", f.Severity, f.Kind, line(f.Key), line(f.Detail))
	for _, a := range f.Affects {
		fmt.Fprintf(w, "         in %s\n", line(a.String()))
	}
	if f.More > 0 {
		fmt.Fprintf(w, "         and %d more places\n", f.More)
	}
	if advice := f.Kind.Advice(); advice != "" {
		fmt.Fprintf(w, "         %s\n", advice)
	}
}

// Repository is the repository in words.
func (a Affected) Repository() string {
	switch {
	case a.Repo == "":
		return "deleted repository " + a.RepoID
	case a.Deleted:
		return a.Repo + " (deleted)"
	}
	return a.Repo
}

// String is the place as people write it: ns/name, path@revision.
func (a Affected) String() string {
	s := a.Repository()
	switch {
	case a.Path != "":
		return s + ": " + a.Path + "@" + a.Revision
	case a.Revision != "":
		return s + "@" + a.Revision
	}
	return s
}

// size is a number of bytes as people read it, in decimal units.
func size(n int64) string {
	v, unit := float64(n), ""
	for _, u := range []string{"k", "M", "G", "T", "P"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	if unit == "" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %sB", v, unit)
}

// String is a line that says how far a run is.
func (p Progress) String() string {
	read := size(p.Bytes)
	if p.Total > p.Bytes {
		read += " of " + size(p.Total)
	}
	return fmt.Sprintf("%d xorbs, %d packs, %d repositories, read %s, %d findings", p.Xorbs, p.Packs, p.Repos, read, p.Findings)
}
