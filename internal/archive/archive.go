// Package archive writes files into a .tar.gz or a .zip as they come, each the same bytes for the same files and time, so
// that nothing of an archive is kept in memory or on disk. Names that could leave the folder into which an archive is
// unpacked are refused. It must not know repositories, revisions or requests.
//
// Sources: pax (POSIX.1-2001) for tar, RFC 1952 for gzip, PKWARE's APPNOTE with zip64 for zip.
package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Format is how files are packed.
type Format string

// The formats, each as the end of its file's name.
const (
	TarGz Format = ".tar.gz"
	Zip   Format = ".zip"
)

// MediaType is the format's name in a Content-Type.
func (f Format) MediaType() string {
	if f == Zip {
		return "application/zip"
	}
	return "application/gzip"
}

// Kind is what an entry becomes when it is unpacked.
type Kind uint8

// The kinds.
const (
	File Kind = iota
	Executable
	Symlink
	Folder
)

// Entry is one file, link or folder.
type Entry struct {
	Name string // with slashes, relative
	Kind Kind
	Size int64  // bytes of a file
	Link string // where a symbolic link leads
}

// Writer packs entries in the order in which they are added. Close ends the archive; it closes nothing else.
type Writer interface {
	// Add packs one entry. content writes the bytes of a file, exactly Size of them.
	Add(e Entry, content func(io.Writer) error) error
	Close() error
}

// Options are what an archive says of itself.
type Options struct {
	When    time.Time // of all entries
	Comment string    // such as the id of a commit
}

// New starts an archive. Its bytes depend on the format, the options and the entries alone.
func New(f Format, w io.Writer, o Options) (Writer, error) {
	if f == Zip {
		return newZip(w, o), nil
	}
	return newTar(w, o)
}

// ErrName says that an entry's name might be unpacked elsewhere than in the archive's folder.
var ErrName = errors.New("unsafe name in archive")

// CheckName refuses names that lead out of a folder on any system: parts that are empty, "." or "..", with slashes or
// backslashes between them, and NUL.
func CheckName(name string) error {
	for part := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSuffix(name, "/"), `\`, "/"), "/") {
		if part == ".." || part == "." || strings.ContainsRune(part, 0) {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	if name == "" || strings.HasPrefix(name, "/") || strings.HasPrefix(name, `\`) || strings.Contains(name, "//") {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

// exact fails when content is not of the size that was announced.
type exact struct {
	w    io.Writer
	left int64
}

var errSize = errors.New("a file in the archive is not of its size")

func (x *exact) Write(p []byte) (int, error) {
	if x.left -= int64(len(p)); x.left < 0 {
		return 0, errSize
	}
	return x.w.Write(p)
}

// fill writes the content of an entry.
func fill(w io.Writer, e Entry, content func(io.Writer) error) error {
	if e.Size == 0 {
		return nil
	}
	x := exact{w, e.Size}
	if err := content(&x); err != nil {
		return err
	}
	if x.left != 0 {
		return errSize
	}
	return nil
}
