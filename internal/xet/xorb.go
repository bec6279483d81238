package xet

import (
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Limits of a xorb. Clients count 64 MiB of uncompressed bytes, so that the headers of incompressible chunks come on top;
// hence the slack of the body.
const (
	MaxXorbChunks = 8192
	MaxXorbRaw    = 64 << 20
	MaxXorbBody   = 65 << 20
)

// footerMagic begins the footer that clients before hf_xet 1.1.4 appended. maxFooter is more than the largest one.
const (
	footerMagic = "XETBLOB"
	maxFooter   = 512 << 10
)

// VerifyXorb reads a xorb as a client uploads it, checks every byte of it, writes the body (headers and payloads, without an
// old client's footer) to w, and returns its index. The caller makes sure that nothing written to w counts until VerifyXorb
// has returned without error.
//
// A xorb that is malformed, over a limit or does not hash to want gives a [FormatError]; failures of r and w are passed on.
// Memory is a pooled buffer of 512 KiB and the index itself (48 bytes per chunk read), whatever the input claims.
func VerifyXorb(r io.Reader, w io.Writer, want Hash) (*Index, error) {
	buf := chunkBuffers.Get().(*chunkBuffer)
	defer chunkBuffers.Put(buf)
	v := xorbVerifier{r: r, w: w, buf: buf}
	for {
		more, err := v.header()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if err := v.chunk(); err != nil {
			return nil, err
		}
	}
	if len(v.chunks) == 0 {
		return nil, formatErrorf("xorb", "no chunks")
	}
	if v.tree.XorbHash() != want {
		return nil, formatErrorf("xorb", "content does not have the stated hash")
	}
	return &Index{Hash: want, Chunks: slices.Clip(v.chunks)}, nil
}

type xorbVerifier struct {
	r         io.Reader
	w         io.Writer
	buf       *chunkBuffer
	chunks    []ChunkInfo
	tree      Merkle
	phys, raw uint32
}

// header reads the next chunk header into the buffer; more is false at the end of the chunks.
func (v *xorbVerifier) header() (more bool, err error) {
	b := v.buf.stored[:chunkHeaderSize]
	n, err := io.ReadFull(v.r, b)
	if n >= len(footerMagic) && string(b[:len(footerMagic)]) == footerMagic {
		return false, v.skipFooter()
	}
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, readError("xorb", err)
	}
	return true, nil
}

// skipFooter reads an old client's footer to its end, as the connection cannot be used again otherwise. Nothing in it is
// needed, so nothing in it is believed.
func (v *xorbVerifier) skipFooter() error {
	n, err := io.CopyN(io.Discard, v.r, maxFooter)
	if err != nil && err != io.EOF {
		return readError("xorb", err)
	}
	if n == maxFooter {
		return formatErrorf("xorb", "footer is too long")
	}
	return nil
}

// chunk reads, checks, records and writes the chunk whose header is in the buffer.
func (v *xorbVerifier) chunk() error {
	i := len(v.chunks)
	if i == MaxXorbChunks {
		return formatErrorf("xorb", "more than %d chunks", MaxXorbChunks)
	}
	h, err := parseChunkHeader(v.buf.stored[:])
	if err != nil {
		return fmt.Errorf("chunk %d: %w", i, err)
	}
	stored := v.buf.stored[:chunkHeaderSize+h.payload]
	if int64(v.phys)+int64(len(stored)) > MaxXorbBody {
		return formatErrorf("xorb", "more than %d bytes", MaxXorbBody)
	}
	payload := stored[chunkHeaderSize:]
	if _, err := io.ReadFull(v.r, payload); err != nil {
		return readError("xorb", err)
	}
	raw, err := v.buf.decode(h, payload)
	if err != nil {
		return fmt.Errorf("chunk %d: %w", i, err)
	}
	v.record(h, payload, ChunkHash(raw))
	if _, err := v.w.Write(stored); err != nil {
		return fmt.Errorf("write xorb: %w", err)
	}
	return nil
}

func (v *xorbVerifier) record(h chunkHeader, payload []byte, hash Hash) {
	v.phys += uint32(chunkHeaderSize + h.payload)
	v.raw += uint32(h.raw)
	v.chunks = append(v.chunks, ChunkInfo{
		Hash:    hash,
		PhysEnd: v.phys,
		RawEnd:  v.raw,
		CRC:     crc32.Checksum(payload, castagnoli),
		Scheme:  h.scheme,
	})
	v.tree.Add(Leaf{hash, uint64(h.raw)})
}
