package git

import (
	"fmt"
	"io"
	"os"

	"github.com/cairnhub/cairn/internal/tempfile"
)

// Spool keeps what is written in memory up to a number of bytes, then in a file that has no name any more: a crash
// leaves nothing behind. A write that failed may have lost what was written before, so every use after it fails the
// same way. It is not safe for concurrent use.
type Spool struct {
	dir  string
	max  int
	mem  []byte
	file *os.File
	size int64 // bytes in file
	err  error // of the first write that failed
}

// NewSpool makes an empty spool that holds up to max bytes in memory and the rest below dir.
func NewSpool(dir string, max int) *Spool { return &Spool{dir: dir, max: max} }

// Size is the bytes written.
func (s *Spool) Size() int64 { return s.size + int64(len(s.mem)) }

func (s *Spool) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if len(s.mem)+len(p) > s.max {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	if s.file != nil && len(p) > s.max {
		return s.append(p)
	}
	s.mem = append(s.mem, p...)
	return len(p), nil
}

// flush moves the memory's bytes to the end of the file.
func (s *Spool) flush() error {
	if s.file == nil {
		f, err := tempfile.New(s.dir)
		if err != nil {
			s.err = fmt.Errorf("spool: %w", err)
			return s.err
		}
		s.file = f
	}
	_, err := s.append(s.mem)
	s.mem = s.mem[:0]
	return err
}

func (s *Spool) append(p []byte) (int, error) {
	n, err := s.file.WriteAt(p, s.size)
	s.size += int64(n)
	if err != nil {
		s.err = fmt.Errorf("spool: %w", err)
	}
	return n, s.err
}

// Truncate forgets what was written after the first n bytes.
func (s *Spool) Truncate(n int64) {
	if n >= s.size {
		s.mem = s.mem[:min(int64(len(s.mem)), n-s.size)]
		return
	}
	s.size, s.mem = n, s.mem[:0]
}

// WriteTo writes all bytes to w.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
	if s.err != nil {
		return 0, s.err
	}
	var n int64
	if s.file != nil {
		var err error
		n, err = io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(s.file, 0, s.size), make([]byte, 256<<10))
		if err != nil {
			return n, err
		}
	}
	m, err := w.Write(s.mem)
	return n + int64(m), err
}

// Close frees the memory and the file.
func (s *Spool) Close() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// onlyWriter hides ReadFrom, so that CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }
