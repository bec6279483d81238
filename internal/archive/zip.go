package archive

import (
	"archive/zip"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

type zipWriter struct {
	z       *zip.Writer
	level   int
	when    time.Time
	comment string
}

func newZip(w io.Writer, o Options) *zipWriter {
	z := &zipWriter{z: zip.NewWriter(w), level: pressed, when: o.When.UTC().Truncate(time.Second), comment: o.Comment}
	z.z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, z.level) })
	return z
}

var zipModes = map[Kind]fs.FileMode{File: 0o644, Executable: 0o755, Symlink: fs.ModeSymlink | 0o777, Folder: fs.ModeDir | 0o755}

func (z *zipWriter) Add(e Entry, content func(io.Writer) error) error {
	if err := CheckName(e.Name); err != nil {
		return err
	}
	// Deflated also where that gains nothing: of what is only stored, a reader of a stream cannot find the end.
	h := zip.FileHeader{Name: e.Name, Modified: z.when, Method: zip.Deflate}
	switch e.Kind {
	case Folder:
		h.Name, h.Method = strings.TrimSuffix(e.Name, "/")+"/", zip.Store
	case Symlink:
		e.Size = int64(len(e.Link))
		content = func(w io.Writer) error {
			_, err := io.WriteString(w, e.Link)
			return err
		}
	case File, Executable:
		if e.Size == 0 {
			h.Method = zip.Store
		}
	}
	h.SetMode(zipModes[e.Kind])
	begin := func(level int) (io.Writer, error) {
		z.level = level
		return z.z.CreateHeader(&h)
	}
	if e.Kind != Folder && e.Size >= sampleFrom {
		s := sampler{begin: begin}
		if err := fill(&s, e, content); err != nil {
			return err
		}
		return s.end()
	}
	w, err := begin(pressed)
	if err != nil || e.Kind == Folder {
		return err
	}
	return fill(w, e, content)
}

func (z *zipWriter) Close() error {
	if z.comment != "" {
		if err := z.z.SetComment(z.comment); err != nil {
			return err
		}
	}
	return z.z.Close()
}
