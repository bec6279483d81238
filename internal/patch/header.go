package patch

import (
	"fmt"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// File is what happened to one file. New: no old mode. Deleted: no new mode. Renamed: two paths.
type File struct {
	OldPath, Path    string
	OldMode, NewMode git.Mode
	OldOID, NewOID   hub.OID
	Similarity       int // of a renamed file, in percent
}

// Added and Deleted report on which side the file is absent.
func (f *File) Added() bool { return f.OldMode == 0 }

// Deleted is Added's opposite.
func (f *File) Deleted() bool { return f.NewMode == 0 }

// Renamed reports whether the file has another name than before.
func (f *File) Renamed() bool { return f.OldPath != f.Path }

// Retyped reports whether a file became a symbolic link or the like. A patch says so by deleting the one and adding the
// other: see Halves.
func (f *File) Retyped() bool {
	return f.OldMode != 0 && f.NewMode != 0 && (f.OldMode^f.NewMode)&0o170000 != 0
}

// Halves are the deletion and the addition that a retyped file is written as.
func (f *File) Halves() (gone, come File) {
	gone = File{OldPath: f.OldPath, Path: f.OldPath, OldMode: f.OldMode, OldOID: f.OldOID}
	return gone, File{OldPath: f.Path, Path: f.Path, NewMode: f.NewMode, NewOID: f.NewOID}
}

// WriteHeader writes the lines before a file's hunks or binary patch.
func (f *File) WriteHeader(w io.Writer) error {
	p := printer{w: w}
	p.text("diff --git ", Quote("a/"+f.OldPath), " ", Quote("b/"+f.Path), "\n")
	switch {
	case f.Added():
		p.text("new file mode ", f.NewMode.String(), "\n")
	case f.Deleted():
		p.text("deleted file mode ", f.OldMode.String(), "\n")
	case f.OldMode != f.NewMode:
		p.text("old mode ", f.OldMode.String(), "\nnew mode ", f.NewMode.String(), "\n")
	}
	if f.Renamed() {
		p.text(fmt.Sprintf("similarity index %d%%\n", f.Similarity), "rename from ", Quote(f.OldPath), "\nrename to ", Quote(f.Path), "\n")
	}
	if f.OldOID != f.NewOID {
		p.text("index ", f.OldOID.String(), "..", f.NewOID.String())
		if f.OldMode == f.NewMode {
			p.text(" ", f.NewMode.String())
		}
		p.text("\n")
	}
	return p.err
}

// WriteNames writes the two lines that stand before hunks.
func (f *File) WriteNames(w io.Writer) error {
	p := printer{w: w}
	p.text("--- ", sideName(f.Added(), "a/"+f.OldPath), "\n+++ ", sideName(f.Deleted(), "b/"+f.Path), "\n")
	return p.err
}

// WriteDiffer writes that bytes differ without saying how.
func (f *File) WriteDiffer(w io.Writer) error {
	p := printer{w: w}
	p.text("Binary files ", plainName(f.Added(), "a/"+f.OldPath), " and ", plainName(f.Deleted(), "b/"+f.Path), " differ\n")
	return p.err
}

func plainName(absent bool, name string) string {
	if absent {
		return "/dev/null"
	}
	return Quote(name)
}

func sideName(absent bool, name string) string {
	switch {
	case absent:
		return "/dev/null"
	case strings.Contains(name, " "):
		return Quote(name) + "\t" // git's mark that the name ends here
	}
	return Quote(name)
}

var escapes = map[byte]string{'\a': `\a`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\v': `\v`, '\f': `\f`, '\r': `\r`, '"': `\"`, '\\': `\\`}

// Quote writes a name as git does: as it is, or in quotes with escapes where it holds quotes, backslashes, control
// characters or bytes beyond ASCII.
func Quote(name string) string {
	if strings.IndexFunc(name, func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }) < 0 {
		return name
	}
	b := []byte{'"'}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case escapes[c] != "":
			b = append(b, escapes[c]...)
		case c < 0x20 || c > 0x7e:
			b = fmt.Appendf(b, `\%03o`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
