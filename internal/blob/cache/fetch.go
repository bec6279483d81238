package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// fetchBuffer is what a fetch reads and writes at once, a number of pages.
const fetchBuffer = 16 * pageSize

var fetchBuffers = sync.Pool{New: func() any { return new([fetchBuffer]byte) }}

// errReplaced ends what was read of an object that another one has taken the place of.
func errReplaced(key string) error {
	return errs.New(errs.Unavailable, "Object %q was replaced while it was read, try again", key)
}

// errPast is the fate of blocks that were asked for before the size was known: the object ends before them.
var errPast = errors.New("behind the end of the object")

// fetch has one request fill a run of blocks. Each is there for its readers as soon as it is whole.
func (c *Store) fetch(ctx context.Context, key string, o *object, run []*block) {
	c.waiting.Add(1)
	err := c.turns.Take(ctx)
	c.waiting.Add(-1)
	if err == nil {
		err = c.fill(ctx, key, o, &run)
		c.turns.Give()
	}
	if err == nil {
		err = errPast // of what is left
	}
	c.mu.Lock()
	if !isClosed(o.known) {
		o.err = err
		o.gone = true
		close(o.known)
	}
	if o.gone || errs.Is(err, errs.NotFound) {
		c.drop(o)
	}
	for _, b := range run {
		b.err = err
		c.remove(b)
	}
	c.mu.Unlock()
	for _, b := range run {
		close(b.done)
	}
}

// fill takes those blocks off the run that it has stored.
func (c *Store) fill(ctx context.Context, key string, o *object, run *[]*block) error {
	first := (*run)[0].number
	part, err := c.Source.OpenPart(ctx, key, first*blockSize, int64(len(*run))*blockSize)
	if err != nil {
		return err
	}
	defer part.Close()
	if err := c.introduce(key, o, part.Size, part.Version); err != nil {
		return err
	}
	buf := fetchBuffers.Get().(*[fetchBuffer]byte)
	defer fetchBuffers.Put(buf)
	for len(*run) > 0 {
		b := (*run)[0]
		if b.number*blockSize >= o.size {
			return errPast
		}
		if err := c.store(b, part, buf[:]); err != nil {
			return err
		}
		*run = (*run)[1:]
		close(b.done)
	}
	return nil
}

// introduce sets what a fetch found out about an object, or compares it with what is known.
func (c *Store) introduce(key string, o *object, size int64, version string) error {
	v := versionOf(version, size)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !isClosed(o.known) {
		o.size, o.version = size, v
		close(o.known)
		return nil
	}
	if o.size != size || o.version != v {
		c.drop(o)
		return errReplaced(key)
	}
	return nil
}

// store writes a block as it comes.
func (c *Store) store(b *block, from io.Reader, buf []byte) error {
	f, err := c.temporary()
	if err != nil {
		return c.diskFailed(err)
	}
	defer f.Close() // with its lasting name, and checked by its sums whenever it is read
	size, err := writeBlock(f, b, from, buf)
	c.fetched.Add(size)
	if err == nil {
		if e := c.keep(b, f.Name(), size); e != nil {
			err = fmt.Errorf("%w: %w", errWrite, e)
		}
	}
	if err == nil {
		return nil
	}
	_ = os.Remove(f.Name())
	switch {
	case !errors.Is(err, errWrite):
		return err
	case errors.Is(err, fs.ErrNotExist): // somebody empties the folder
		return fmt.Errorf("%w: %w", errDisk, err)
	}
	return c.diskFailed(err)
}

// temporary makes a file in the folder, and the folder if it was removed.
func (c *Store) temporary() (*os.File, error) {
	f, err := tempfile.Named(c.o.Dir, temporaryPattern)
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(c.o.Dir, 0o700) == nil {
		return tempfile.Named(c.o.Dir, temporaryPattern)
	}
	return f, err
}

// place moves a file to where a block is looked for.
func (c *Store) place(temporary, path string) error {
	err := os.Rename(temporary, path)
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		return os.Rename(temporary, path)
	}
	return err
}

// errWrite tells failures of the disk from those of the source.
var errWrite = errors.New("write a block")

// writeBlock writes a block's data and its sums, and returns how long the file is.
func writeBlock(f *os.File, b *block, from io.Reader, buf []byte) (size int64, err error) {
	left := b.object.length(b.number)
	sums := make([]uint32, 0, blockSize/pageSize)
	for left > 0 {
		some := buf[:min(int64(len(buf)), left)]
		if _, err := io.ReadFull(from, some); err != nil {
			return size, fmt.Errorf("fetch a block: %w", noEOF(err))
		}
		if _, err := f.Write(some); err != nil {
			return size, fmt.Errorf("%w: %w", errWrite, err)
		}
		sums = appendSums(sums, some)
		left -= int64(len(some))
		size += int64(len(some))
	}
	tail := encodeTail(b, sums)
	if _, err := f.Write(tail); err != nil {
		return size, fmt.Errorf("%w: %w", errWrite, err)
	}
	return size + int64(len(tail)), nil
}

// noEOF: a source that ends early has failed.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
