package git

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// storedMax and storedTreeMax are the sizes up to which objects are stored without compression. Deflate wins a few bytes
// of a small object and costs as much as all the rest of writing it. Trees are mostly random ids: deflate wins a fifth
// and takes twenty times as long as copying, and each commit writes the root again.
const (
	storedMax     = 128
	storedTreeMax = 16 << 10
)

// deflaters holds zlib writers: each has tables of several hundred KiB, far more than most objects.
var deflaters = sync.Pool{New: func() any {
	w, _ := zlib.NewWriterLevel(io.Discard, zlib.BestSpeed) // the level is valid
	return w
}}

var inflaters sync.Pool // of io.ReadCloser that are zlib.Resetter

// appendDeflated appends data as a zlib stream (RFC 1950).
func appendDeflated(buf *bytes.Buffer, kind Kind, data []byte) error {
	if len(data) <= storedMax || (kind == KindTree && len(data) <= storedTreeMax) {
		appendStored(buf, data)
		return nil
	}
	return deflate(buf, bytes.NewReader(data))
}

func deflate(w io.Writer, r io.Reader) error {
	z := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(z)
	z.Reset(w)
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}

// appendStored writes one stored block, of at most 65,535 bytes: header, final bit, length and its complement, the bytes, their Adler-32.
func appendStored(buf *bytes.Buffer, data []byte) {
	n := uint16(len(data))
	head := [7]byte{0x78, 0x01, 0x01}
	binary.LittleEndian.PutUint16(head[3:], n)
	binary.LittleEndian.PutUint16(head[5:], ^n)
	buf.Write(head[:])
	buf.Write(data)
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], adler32.Checksum(data))
	buf.Write(sum[:])
}

// inflater reads one zlib stream. Reading to io.EOF checks the stream's Adler-32.
func inflater(r io.Reader) (io.ReadCloser, error) {
	if z, ok := inflaters.Get().(io.ReadCloser); ok {
		if err := z.(zlib.Resetter).Reset(r, nil); err != nil {
			inflaters.Put(z)
			return nil, malformed("zlib: %v", err)
		}
		return z, nil
	}
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, malformed("zlib: %v", err)
	}
	return z, nil
}

func releaseInflater(z io.ReadCloser) { inflaters.Put(z) }

// inflate reads a stream that must hold exactly size bytes.
func inflate(r io.Reader, size int64) ([]byte, error) {
	z, err := inflater(r)
	if err != nil {
		return nil, err
	}
	defer releaseInflater(z)
	data, err := readExactly(z, size)
	if err != nil {
		return nil, err
	}
	return data, atEnd(z)
}

// readExactly allocates as bytes arrive when much is promised, so that a lie about the size costs no memory.
func readExactly(r io.Reader, size int64) ([]byte, error) {
	const trust = 1 << 20
	data := make([]byte, min(size, trust))
	for n := int64(0); ; {
		m, err := io.ReadFull(r, data[n:])
		n += int64(m)
		if err != nil {
			return nil, malformed("object ends after %d of %d bytes: %v", n, size, err)
		}
		if n == size {
			return data, nil
		}
		grown := make([]byte, min(size, 2*n))
		copy(grown, data)
		data = grown
	}
}

func atEnd(r io.Reader) error {
	var one [1]byte
	n, err := io.ReadFull(r, one[:])
	if n > 0 {
		return malformed("object longer than it states")
	}
	if err != io.EOF {
		return malformed("zlib: %v", err)
	}
	return nil
}
