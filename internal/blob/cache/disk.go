package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/cairnhub/cairn/internal/tempfile"
)

// A block's file is its data, the CRC32C of each page of 16 KiB (4 bytes, little endian), and the CRC32C of those sums
// together with the file's name, so that a file in another's place is noticed, too.
const (
	pageSize = 16 << 10

	temporaryPattern = "fetch-*"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	pages      = sync.Pool{New: func() any { return new([pageSize]byte) }}
)

// errRotten is a block that is not what was fetched.
var errRotten = errors.New("a block in the cache of objects is damaged")

// name is a block's file: object, version, size and number in hex.
func (b *block) name() string {
	return fmt.Sprintf("%x-%x-%x-%x", b.object.id[:], b.object.version, b.object.size, b.number)
}

func (c *Store) path(b *block) string {
	name := b.name()
	return filepath.Join(c.o.Dir, name[:2], name)
}

func appendSums(sums []uint32, data []byte) []uint32 {
	for len(data) > 0 {
		n := min(pageSize, len(data))
		sums = append(sums, crc32.Checksum(data[:n], castagnoli))
		data = data[n:]
	}
	return sums
}

func encodeTail(b *block, sums []uint32) []byte {
	tail := make([]byte, 0, 4*len(sums)+4)
	for _, s := range sums {
		tail = binary.LittleEndian.AppendUint32(tail, s)
	}
	return binary.LittleEndian.AppendUint32(tail, tailSum(b, tail))
}

func tailSum(b *block, sums []byte) uint32 {
	return crc32.Update(crc32.Checksum(sums, castagnoli), castagnoli, []byte(b.name()))
}

// blockFile is a block that is open for reading.
type blockFile struct {
	file *os.File
	sums []byte
	size int64 // of the data
}

// open reads a block's sums.
func (c *Store) open(b *block) (*blockFile, error) {
	f, err := os.Open(c.path(b))
	if err != nil {
		return nil, err
	}
	size := b.object.length(b.number)
	count := (size + pageSize - 1) / pageSize
	tail := make([]byte, 4*count+4)
	n, err := f.ReadAt(tail, size)
	if n == len(tail) {
		err = nil
	}
	at := len(tail) - 4
	if err == nil && binary.LittleEndian.Uint32(tail[at:]) != tailSum(b, tail[:at]) {
		err = errRotten
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %w", errRotten, err)
	}
	return &blockFile{file: f, sums: tail[:at], size: size}, nil
}

// readAt reads some bytes from off, at least one: whole pages into p, or a part of one.
func (f *blockFile) readAt(p []byte, off int64) (int, error) {
	page := off / pageSize
	inPage := off - page*pageSize
	length := min(pageSize, f.size-page*pageSize)
	if inPage > 0 || int64(len(p)) < length {
		return f.readPart(p, page, inPage, length)
	}
	n := min(int64(len(p)), f.size-off)
	if off+n < f.size {
		n -= n % pageSize
	}
	if err := f.read(p[:n], page); err != nil {
		return 0, err
	}
	return int(n), nil
}

// readPart reads a part of a page, which has to be checked whole.
func (f *blockFile) readPart(p []byte, page, from, length int64) (int, error) {
	buf := pages.Get().(*[pageSize]byte)
	defer pages.Put(buf)
	if err := f.read(buf[:length], page); err != nil {
		return 0, err
	}
	return copy(p, buf[from:length]), nil
}

// read fills p with whole pages, and checks them.
func (f *blockFile) read(p []byte, page int64) error {
	if n, err := f.file.ReadAt(p, page*pageSize); n < len(p) {
		return fmt.Errorf("%w: %w", errRotten, err)
	}
	for len(p) > 0 {
		n := min(pageSize, len(p))
		if crc32.Checksum(p[:n], castagnoli) != binary.LittleEndian.Uint32(f.sums[4*page:]) {
			return errRotten
		}
		p = p[n:]
		page++
	}
	return nil
}

// takeOver enters the blocks that an earlier process left, as those not used for longest, and removes its broken fetches.
func (c *Store) takeOver() {
	_ = filepath.WalkDir(c.o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			c.takeFile(path, d)
		}
		return nil // what cannot be read is not used
	})
}

func (c *Store) takeFile(path string, d fs.DirEntry) {
	if temporary, _ := filepath.Match(temporaryPattern, d.Name()); temporary {
		tempfile.RemoveDead(path) // at a restart the process before this one may still be at it
		return
	}
	if info, err := d.Info(); err == nil && !c.enter(d.Name(), info.Size()) {
		_ = os.Remove(path)
	}
}

// enter takes a file over; false: nobody will find it.
func (c *Store) enter(name string, size int64) bool {
	found, number, ok := parseName(name)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.objects[found.id]
	if o == nil {
		o = found
		c.objects[o.id] = o
	}
	if !isClosed(o.known) || o.blocks[number] != nil {
		return true // it is being fetched, or was
	}
	if o.version != found.version || o.size != found.size || number*blockSize >= o.size {
		return false
	}
	b := &block{object: o, number: number, kept: size}
	o.blocks[number] = b
	b.used = c.used.PushBack(b)
	c.bytes += size
	c.shrink(c.o.Bytes)
	return true
}

func parseName(name string) (o *object, number int64, ok bool) {
	f := strings.Split(name, "-")
	if len(f) != 4 || len(f[0]) != 32 {
		return nil, 0, false
	}
	o = &object{known: closed, blocks: map[int64]*block{}}
	for i := range o.id {
		v, err := strconv.ParseUint(f[0][2*i:2*i+2], 16, 8)
		if err != nil {
			return nil, 0, false
		}
		o.id[i] = byte(v)
	}
	version, err1 := strconv.ParseUint(f[1], 16, 64)
	size, err2 := strconv.ParseInt(f[2], 16, 64)
	number, err3 := strconv.ParseInt(f[3], 16, 64)
	if errors.Join(err1, err2, err3) != nil || size <= 0 || number < 0 || number > size/blockSize {
		return nil, 0, false
	}
	o.version, o.size = version, size
	return o, number, true
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
