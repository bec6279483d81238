package archive

import (
	"archive/tar"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

type tarWriter struct {
	w     io.Writer
	z     *gzip.Writer
	level int
	t     *tar.Writer
	when  time.Time
}

func newTar(w io.Writer, o Options) (*tarWriter, error) {
	t := &tarWriter{w: w, when: o.When.UTC().Truncate(time.Second)}
	t.t = tar.NewWriter(t)
	if err := t.press(pressed); err != nil || o.Comment == "" {
		return t, err
	}
	// git get-tar-commit-id reads it.
	return t, t.t.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": o.Comment}})
}

// Write takes the bytes of the tar.
func (t *tarWriter) Write(p []byte) (int, error) { return t.z.Write(p) }

// press changes how hard what follows is pressed, by beginning another member: gzip reads them as one.
func (t *tarWriter) press(level int) (err error) {
	if t.z != nil {
		if t.level == level {
			return nil
		}
		if err := t.z.Close(); err != nil {
			return err
		}
	}
	t.level = level
	t.z, err = gzip.NewWriterLevel(t.w, level)
	return err
}

func (t *tarWriter) Add(e Entry, content func(io.Writer) error) error {
	if err := CheckName(e.Name); err != nil {
		return err
	}
	h := tar.Header{Name: e.Name, ModTime: t.when, Uname: "root", Gname: "root"}
	switch e.Kind {
	case Folder:
		h.Typeflag, h.Mode, h.Name = tar.TypeDir, 0o755, strings.TrimSuffix(e.Name, "/")+"/"
	case Symlink:
		h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, e.Link
	case Executable:
		h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o755, e.Size
	case File:
		h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o644, e.Size
	}
	if e.Size < sampleFrom {
		if err := t.press(pressed); err != nil {
			return err
		}
	}
	if err := t.t.WriteHeader(&h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	if e.Size < sampleFrom {
		return fill(t.t, e, content)
	}
	s := sampler{begin: func(level int) (io.Writer, error) { return t.t, t.press(level) }}
	if err := fill(&s, e, content); err != nil {
		return err
	}
	return s.end()
}

func (t *tarWriter) Close() error {
	if err := t.t.Close(); err != nil {
		return err
	}
	return t.z.Close()
}
