package cache

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/cairnhub/cairn/internal/blob"
)

// maxTrouble is how often a reader may come upon blocks that are damaged or were dropped before it goes to the store itself.
const maxTrouble = 4

// reader reads a range of an object. Between calls it holds an open file and no memory, so that slow readers cost little.
type reader struct {
	c       *Store
	ctx     context.Context
	key     string
	o       *object
	at, end int64

	file    *blockFile // nil: none is open
	number  int64      // of the block in file
	trouble int
	direct  *blob.Part // reads past the cache
	closed  bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, os.ErrClosed
	}
	if r.at >= r.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), r.end-r.at)]
	for r.direct == nil {
		n, err := r.cached(p)
		if err == nil {
			r.at += int64(n)
			return n, nil
		}
		if !errors.Is(err, errRotten) && !errors.Is(err, errDisk) {
			return 0, err
		}
		if r.trouble++; r.trouble > maxTrouble || errors.Is(err, errDisk) {
			if err := r.goDirect(); err != nil {
				return 0, err
			}
		}
	}
	n, err := r.direct.Read(p)
	r.at += int64(n)
	if err == io.EOF && r.at < r.end {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// cached reads from the block where the reader is.
func (r *reader) cached(p []byte) (int, error) {
	number := r.at / blockSize
	if r.file == nil || r.number != number {
		if err := r.open(number); err != nil {
			return 0, err
		}
	}
	off := r.at - number*blockSize
	n, err := r.file.readAt(p[:min(int64(len(p)), r.file.size-off)], off)
	if err != nil {
		r.c.spoil(r.o, number, err)
		r.closeFile()
	}
	return n, err
}

// open waits for a block and opens it. errRotten: try again.
func (r *reader) open(number int64) error {
	r.closeFile()
	b := r.c.want(r.ctx, r.key, r.o, number, (r.end-1)/blockSize)
	if b == nil {
		return r.find()
	}
	if b.done != nil {
		select {
		case <-b.done:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		if b.err != nil {
			return b.err
		}
	}
	f, err := r.c.open(b)
	if err != nil {
		r.c.spoil(r.o, number, err)
		return errors.Join(errRotten, err)
	}
	r.file, r.number = f, number
	return nil
}

// find looks for the object again after it was forgotten.
func (r *reader) find() error {
	o, err := r.c.find(r.ctx, r.key, r.at, r.end-r.at)
	if err != nil {
		return err
	}
	if o.version != r.o.version {
		return errReplaced(r.key)
	}
	r.o = o
	return errRotten
}

// goDirect reads on past the cache.
func (r *reader) goDirect() error {
	r.closeFile()
	part, err := r.c.Source.OpenPart(r.ctx, r.key, r.at, r.end-r.at)
	if err != nil {
		return err
	}
	if versionOf(part.Version, part.Size) != r.o.version {
		_ = part.Close()
		return errReplaced(r.key)
	}
	r.direct = part
	return nil
}

// spoil drops a block whose file cannot be used. One that is merely not there any more had to make room.
func (c *Store) spoil(o *object, number int64, cause error) {
	if !errors.Is(cause, os.ErrNotExist) {
		c.rotten.Add(1)
		c.log.Warn("a block in the cache of objects is damaged: it is fetched again", "folder", c.o.Dir, "error", cause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := o.blocks[number]; b != nil && b.used != nil {
		c.remove(b)
	}
}

func (r *reader) closeFile() {
	if r.file != nil {
		_ = r.file.file.Close()
		r.file = nil
	}
}

func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.c.readers.Add(-1)
	r.closeFile()
	if r.direct != nil {
		return r.direct.Close()
	}
	return nil
}
