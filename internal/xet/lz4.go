package xet

import (
	"encoding/binary"

	"github.com/pierrec/lz4/v4"
)

// An LZ4 chunk is one LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), not a bare block. The frame is
// taken apart here rather than by lz4.Reader: a chunk is at most 128 KiB and lies in memory, so blocks decode straight into
// their place, nothing is allocated for what a frame claims about itself, and bytes after its end are seen.
const (
	lz4Magic  = 0x184D2204
	lz4Stored = 1 << 31 // set in a block's size: the block is stored as it is
	lz4Window = 64 << 10

	lz4FlagDictionary      = 1 << 0
	lz4FlagReserved        = 1 << 1
	lz4FlagContentChecksum = 1 << 2
	lz4FlagContentSize     = 1 << 3
	lz4FlagBlockChecksum   = 1 << 4
	lz4FlagIndependent     = 1 << 5
	lz4FlagVersion         = 1 << 6 // the two top bits, of which version 1 is the only one
)

// lz4Frame reads a frame front to back; b is what is left of it.
type lz4Frame struct {
	b     []byte
	flags byte
	block int // largest block, decoded
}

// lz4Decode decodes the frame that fills src into dst, which must be of exactly its decoded length.
// Any legal frame without a dictionary is accepted; all checksums that it carries are checked.
func lz4Decode(dst, src []byte) error {
	f := lz4Frame{b: src}
	if err := f.header(len(dst)); err != nil {
		return err
	}
	n := 0
	for {
		size, err := f.uint32()
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		written, err := f.decodeBlock(dst, n, size)
		if err != nil {
			return err
		}
		n += written
	}
	return f.end(dst, n)
}

func (f *lz4Frame) header(decoded int) error {
	start := f.b
	magic, err := f.uint32()
	if err != nil {
		return err
	}
	flags, err := f.take(2)
	if err != nil {
		return err
	}
	f.flags = flags[0]
	sizeCode := flags[1] >> 4
	if magic != lz4Magic || f.flags>>6 != 1 || f.flags&lz4FlagReserved != 0 || flags[1]&0x8F != 0 || sizeCode < 4 {
		return formatErrorf("lz4", "not a frame of version 1")
	}
	if f.flags&lz4FlagDictionary != 0 {
		return formatErrorf("lz4", "frame needs a dictionary")
	}
	f.block = 1 << (8 + 2*sizeCode)
	if f.flags&lz4FlagContentSize != 0 {
		size, err := f.take(8)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint64(size) != uint64(decoded) {
			return formatErrorf("lz4", "frame states another length than its chunk")
		}
	}
	descriptor := start[4 : len(start)-len(f.b)]
	check, err := f.take(1)
	if err != nil {
		return err
	}
	if check[0] != byte(xxh32(descriptor)>>8) {
		return formatErrorf("lz4", "header checksum does not match")
	}
	return nil
}

// decodeBlock decodes one block to dst[n:] and returns its decoded length.
func (f *lz4Frame) decodeBlock(dst []byte, n int, size uint32) (int, error) {
	stored := size&lz4Stored != 0
	size &^= lz4Stored
	if int64(size) > int64(f.block) {
		return 0, formatErrorf("lz4", "block is larger than the frame allows")
	}
	src, err := f.take(int(size))
	if err != nil {
		return 0, err
	}
	if f.flags&lz4FlagBlockChecksum != 0 {
		if err := f.checksum(src); err != nil {
			return 0, err
		}
	}
	out := dst[n:min(len(dst), n+f.block)]
	if stored {
		if len(src) > len(out) {
			return 0, formatErrorf("lz4", "frame is longer than its chunk")
		}
		return copy(out, src), nil
	}
	var written int
	if f.flags&lz4FlagIndependent != 0 {
		written, err = lz4.UncompressBlock(src, out)
	} else {
		written, err = lz4.UncompressBlockWithDict(src, out, dst[max(0, n-lz4Window):n])
	}
	if err != nil {
		return 0, formatErrorf("lz4", "block does not decode into its chunk")
	}
	return written, nil
}

// end checks what may follow the last block: a checksum of the content, and nothing else.
func (f *lz4Frame) end(dst []byte, n int) error {
	if n != len(dst) {
		return formatErrorf("lz4", "frame is shorter than its chunk")
	}
	if f.flags&lz4FlagContentChecksum != 0 {
		if err := f.checksum(dst); err != nil {
			return err
		}
	}
	if len(f.b) != 0 {
		return formatErrorf("lz4", "bytes after the end of the frame")
	}
	return nil
}

func (f *lz4Frame) checksum(b []byte) error {
	want, err := f.uint32()
	if err != nil {
		return err
	}
	if xxh32(b) != want {
		return formatErrorf("lz4", "checksum does not match")
	}
	return nil
}

func (f *lz4Frame) take(n int) ([]byte, error) {
	if n > len(f.b) {
		return nil, formatErrorf("lz4", "frame is truncated")
	}
	b := f.b[:n]
	f.b = f.b[n:]
	return b, nil
}

func (f *lz4Frame) uint32() (uint32, error) {
	b, err := f.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// lz4Overhead is what a frame of one block adds to it: magic, descriptor, block size, end mark.
const lz4Overhead = 4 + 3 + 4 + 4

// lz4BlockMax is the code for blocks of 256 KiB: the smallest standard size that holds any chunk in one block.
const lz4BlockMax = 5 << 4

// lz4Encode compresses src, at most one chunk, to a frame in dst and returns its length, or 0 if no frame would be shorter
// than src. dst must be at least as long as src.
func lz4Encode(c *lz4.Compressor, dst, src []byte) int {
	room := len(src) - lz4Overhead - 1
	if room <= 0 {
		return 0
	}
	head := append(dst[:0], 0x04, 0x22, 0x4D, 0x18, lz4FlagVersion|lz4FlagIndependent, lz4BlockMax)
	head = append(head, byte(xxh32(head[4:])>>8))
	body := dst[len(head)+4:]
	n, err := c.CompressBlock(src, body[:room])
	if err != nil || n == 0 {
		return 0 // it does not fit: that is, it does not shrink
	}
	binary.LittleEndian.PutUint32(dst[len(head):], uint32(n))
	binary.LittleEndian.PutUint32(body[n:], 0)
	return n + lz4Overhead
}
