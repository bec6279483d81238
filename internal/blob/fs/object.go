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
	f, err := os.Open(s.path(key))
	if err != nil {
		return nil, absent(key, err)
	}
	if n, err = lengthOf(f, key, off, n); err == nil && off > 0 {
		_, err = f.Seek(off, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	readAhead(f, off, n)
	return &object{f, n}, nil
}

// lengthOf is the length of the range of n bytes from off, or to the end when n < 0, if the file has it.
func lengthOf(f *os.File, key string, off, n int64) (int64, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = blob.NotFound(key)
	case off > info.Size(), n > info.Size()-off:
		err = blob.TooShort(key, info.Size(), off, n)
	case n < 0:
		n = info.Size() - off
	}
	return n, err
}

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
