package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	bufferSize  = 256 << 10 // what stays in memory, and the unit of buffered writes
	directAfter = 8 << 20   // smaller objects stay in the page cache: they are soon asked for
)

// File is an upload being collected. It belongs to one goroutine.
type File struct {
	create func() (*os.File, error)
	blocks *Blocks

	file    *os.File
	buf     []byte // written, but not in the file yet; empty once direct is set
	flushed int64  // bytes in the file, before direct
	direct  *direct
	size    int64
	err     error // the first failure: the file is good for nothing any more
	closed  bool
}

// New starts an upload. create makes the temporary file when one is needed. blocks may be nil: no direct I/O.
func New(create func() (*os.File, error), blocks *Blocks) *File {
	return &File{create: create, blocks: blocks}
}

// Size is the number of bytes written.
func (f *File) Size() int64 { return f.size }

func (f *File) Write(p []byte) (n int, err error) {
	if f.closed {
		return 0, os.ErrClosed
	}
	for f.err == nil && n < len(p) {
		n += f.put(p[n:])
	}
	f.size += int64(n)
	return n, f.err
}

// put takes some bytes of p.
func (f *File) put(p []byte) (n int) {
	if f.direct != nil {
		n, f.err = f.direct.put(p)
		return n
	}
	n = min(len(p), bufferSize-len(f.buf))
	f.buf = append(f.buf, p[:n]...)
	if len(f.buf) == bufferSize {
		f.err = f.flush()
		if f.err == nil && f.flushed >= directAfter && f.blocks != nil {
			f.direct = f.blocks.start(f.file, f.flushed)
		}
	}
	return n
}

func (f *File) flush() error {
	if f.file == nil {
		file, err := f.create()
		if err != nil {
			return Full(err)
		}
		f.file = file
	}
	_, err := f.file.WriteAt(f.buf, f.flushed)
	f.flushed += int64(len(f.buf))
	f.buf = f.buf[:0]
	return Full(err)
}

// ReadAt reads what was written so far. It must not run beside Write.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.closed {
		return 0, os.ErrClosed
	}
	if off < 0 || off >= f.size {
		return 0, io.EOF
	}
	inFile, rest := f.flushed, f.buf
	if f.direct != nil {
		if inFile, rest, f.err = f.direct.settle(); f.err != nil {
			return 0, f.err
		}
	}
	n := 0
	if off < inFile {
		want := p[:min(int64(len(p)), inFile-off)]
		k, err := f.file.ReadAt(want, off)
		if n = k; k < len(want) {
			return n, err
		}
	}
	if n < len(p) && off+int64(n) >= inFile {
		n += copy(p[n:], rest[off+int64(n)-inFile:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Finish writes everything into the temporary file and returns it; no Write may follow. The File still owns it.
func (f *File) Finish() (*os.File, error) {
	if f.closed {
		return nil, os.ErrClosed
	}
	if f.direct != nil {
		err := f.direct.finish()
		if f.flushed = f.size; f.err == nil {
			f.err = err
		}
		f.direct, f.blocks = nil, nil
	}
	if f.err == nil && (len(f.buf) > 0 || f.file == nil) {
		f.err = f.flush()
	}
	return f.file, f.err
}

// Close frees everything and returns the temporary file, closed, for the caller to remove by its name: nil when none was
// made. It may be called again.
func (f *File) Close() *os.File {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.direct != nil {
		_ = f.direct.finish()
	}
	f.buf = nil
	if f.file != nil {
		_ = f.file.Close()
	}
	return f.file
}

// Full turns "no space left" into errs.StorageFull.
func Full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &errs.Error{Kind: errs.StorageFull, Msg: "The server's storage is full", Op: "blob", Err: err}
	}
	if err != nil {
		return fmt.Errorf("write an upload: %w", err)
	}
	return nil
}
