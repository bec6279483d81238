package git

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // the .idx trailer is SHA-1
	"encoding/binary"
	"io"
)

// WriteIdx writes the pack's index as git has it: .idx version 2 (gitformat-pack(5)).
func (c *Catalog) WriteIdx(w io.Writer) error {
	h := sha1.New() //nolint:gosec // see above
	b := bufio.NewWriterSize(io.MultiWriter(w, h), 64<<10)
	put := func(v uint32) {
		var t [4]byte
		binary.BigEndian.PutUint32(t[:], v)
		_, _ = b.Write(t[:]) // bufio keeps the first error for Flush
	}
	_, _ = b.WriteString("\xfftOc\x00\x00\x00\x02")
	i := 0
	for first := 0; first < 256; first++ {
		for i < c.n && int(c.id(i)[0]) <= first {
			i++
		}
		put(uint32(i))
	}
	_, _ = b.Write(c.raw[catalogHead : catalogHead+20*c.n])
	for i := 0; i < c.n; i++ {
		put(binary.LittleEndian.Uint32(c.record(i)[16:]))
	}
	c.putOffsets(b, put)
	hash := c.PackHash()
	_, _ = b.Write(hash[:])
	if err := b.Flush(); err != nil {
		return err
	}
	_, err := w.Write(h.Sum(nil))
	return err
}

// putOffsets writes 31-bit offsets; larger ones go to a second table of 64 bits.
func (c *Catalog) putOffsets(b *bufio.Writer, put func(uint32)) {
	var large []int64
	for i := 0; i < c.n; i++ {
		off := c.offset(i)
		if off < 1<<31 {
			put(uint32(off))
			continue
		}
		put(1<<31 | uint32(len(large)))
		large = append(large, off)
	}
	for _, off := range large {
		put(uint32(off >> 32))
		put(uint32(off))
	}
}
