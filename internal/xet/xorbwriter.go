package xet

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// XorbWriter builds a xorb from chunks: what a server does for files that did not arrive as Xet. Not safe for concurrent use.
type XorbWriter struct {
	w         io.Writer
	comp      *compressor
	header    [chunkHeaderSize]byte
	chunks    []ChunkInfo
	tree      Merkle
	phys, raw uint32
	err       error
}

// NewXorbWriter returns a XorbWriter that writes the body to w, in two writes per chunk.
func NewXorbWriter(w io.Writer) *XorbWriter {
	return &XorbWriter{w: w, comp: compressors.Get().(*compressor)}
}

// Add appends a chunk of 1 to [MaxChunk] bytes whose [ChunkHash] is h, compressed where that makes it smaller, and returns its
// number in the xorb. full reports that the chunk did not fit and was not added: finish this xorb and add it to the next.
// After a failure of the writer Add does nothing; Finish returns the error, and Err tells it earlier.
func (x *XorbWriter) Add(chunk []byte, h Hash) (idx int, full bool) {
	idx = len(x.chunks)
	if x.err != nil {
		return idx, false
	}
	if len(chunk) == 0 || len(chunk) > MaxChunk {
		x.err = fmt.Errorf("xet: chunk of %d bytes", len(chunk))
		return idx, false
	}
	if idx == MaxXorbChunks || int(x.raw)+len(chunk) > MaxXorbRaw {
		return idx, true
	}
	payload, scheme := x.comp.compress(chunk)
	chunkHeader{scheme: scheme, payload: len(payload), raw: len(chunk)}.put(x.header[:])
	if x.write(x.header[:]); x.err == nil {
		x.write(payload)
	}
	x.phys += uint32(chunkHeaderSize + len(payload))
	x.raw += uint32(len(chunk))
	crc := crc32.Checksum(payload, castagnoli)
	x.chunks = append(x.chunks, ChunkInfo{Hash: h, PhysEnd: x.phys, RawEnd: x.raw, CRC: crc, Scheme: scheme})
	x.tree.Add(Leaf{h, uint64(len(chunk))})
	return idx, false
}

func (x *XorbWriter) write(b []byte) {
	if _, err := x.w.Write(b); err != nil {
		x.err = fmt.Errorf("write xorb: %w", err)
	}
}

// Len is the number of chunks added.
func (x *XorbWriter) Len() int { return len(x.chunks) }

// RawLen is the number of uncompressed bytes added.
func (x *XorbWriter) RawLen() int64 { return int64(x.raw) }

// Err is the first error that Add met.
func (x *XorbWriter) Err() error { return x.err }

// Finish ends the xorb and returns its index; a xorb without chunks is an error. The XorbWriter must not be used again.
func (x *XorbWriter) Finish() (*Index, error) {
	if x.comp != nil {
		x.comp.seen = 0
		compressors.Put(x.comp)
		x.comp = nil
	}
	if x.err == nil && len(x.chunks) == 0 {
		x.err = errors.New("xet: xorb without chunks")
	}
	if x.err != nil {
		return nil, x.err
	}
	x.err = errors.New("xet: xorb is finished")
	return &Index{Hash: x.tree.XorbHash(), Chunks: slices.Clip(x.chunks)}, nil
}
