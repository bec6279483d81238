package fs

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/cairnhub/cairn/internal/blob"
)

// object reads a range of a file. Objects never change, so the size at opening holds.
type object struct {
	file *os.File
	left int64
}

// Open reads n bytes from off.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, errors.New("negative offset")
	}
	if n >= 0 && n <= shortRead {
		return s.openShort(key, off, n)
	}
	f, size, err := s.openSized(key)
	if err != nil {
		return nil, err
	}
	if n, err = lengthOf(size, key, off, n); err == nil && off > 0 {
		_, err = f.Seek(off, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	readAhead(f, off, n)
	return &object{f, n}, nil
}

func (s *Store) openShort(key string, off, n int64) (io.ReadCloser, error) {
	path := s.path(key)
	f := s.open.get(path)
	if f != nil && n > f.size-off { // another process may have stored it again, whole
		s.open.drop(path, f)
		_ = s.open.release(f)
		f = nil
	}
	if f == nil {
		file, size, err := s.openSized(key)
		if err != nil {
			return nil, err
		}
		f = s.open.keep(path, file, size)
	}
	if _, err := lengthOf(f.size, key, off, n); err != nil {
		_ = s.open.release(f)
		return nil, err
	}
	return &shortRange{&s.open, f, off, n}, nil
}

// openSized opens an object's file and tells how long it is.
func (s *Store) openSized(key string) (f *os.File, size int64, err error) {
	f, err = os.Open(s.path(key))
	if err != nil {
		return nil, 0, absent(key, err)
	}
	if size, err = sizeOf(f, key); err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

func sizeOf(f *os.File, key string) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, blob.NotFound(key)
	}
	return info.Size(), nil
}

// lengthOf is the length of the range of n bytes from off, or to the end when n < 0, if an object of a size has it.
func lengthOf(size int64, key string, off, n int64) (int64, error) {
	if off > size || n > size-off {
		return 0, blob.TooShort(key, size, off, n)
	}
	if n < 0 {
		n = size - off
	}
	return n, nil
}

// Forget has the next read open the object's file anew: it may have been replaced.
func (s *Store) Forget(key string) { s.open.drop(s.path(key), nil) }

func (o *object) Read(p []byte) (int, error) {
	if o.left <= 0 {
		return 0, io.EOF
	}
	n, err := o.file.Read(p[:min(int64(len(p)), o.left)])
	o.left -= int64(n)
	if err == io.EOF && o.left > 0 {
		err = io.ErrUnexpectedEOF // the file was cut behind our back
	}
	return n, err
}

// WriteTo hands the bare file to the destination, so that a TCP connection can use sendfile.
func (o *object) WriteTo(w io.Writer) (int64, error) {
	want := o.left
	n, err := io.Copy(w, &io.LimitedReader{R: o.file, N: want})
	o.left -= n
	if err == nil && n < want {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (o *object) Close() error { return o.file.Close() }
