package patch

import (
	"bytes"
	"encoding/binary"
	"io"
	"strconv"

	"github.com/klauspost/compress/zlib"
)

const sniffed = 8000 // bytes that git looks at to tell text from other bytes

// IsBinary reports whether git takes the bytes for anything but text.
func IsBinary(data []byte) bool { return bytes.IndexByte(data[:min(len(data), sniffed)], 0) >= 0 }

// WriteBinary writes a binary patch with both contents whole, so that it applies forwards and backwards.
func WriteBinary(w io.Writer, old, new []byte) error {
	p := printer{w: w}
	p.text("GIT binary patch\n")
	p.literal(new)
	p.literal(old)
	return p.err
}

func (p *printer) literal(data []byte) {
	p.text("literal ", strconv.Itoa(len(data)), "\n")
	e := encoder85{p: p}
	z := zlib.NewWriter(&e)
	if _, err := z.Write(data); err != nil && p.err == nil {
		p.err = err
	}
	if err := z.Close(); err != nil && p.err == nil {
		p.err = err
	}
	e.flush()
	p.text("\n")
}

const (
	digits85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
	line85   = 52 // bytes of a line
)

// encoder85 writes bytes in lines that begin with their length, as git-apply(1) reads them.
type encoder85 struct {
	p   *printer
	buf [line85]byte
	n   int
}

func (e *encoder85) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		k := copy(e.buf[e.n:], rest)
		rest, e.n = rest[k:], e.n+k
		if e.n == line85 {
			e.flush()
		}
	}
	return len(b), e.p.err
}

func (e *encoder85) flush() {
	if e.n == 0 {
		return
	}
	length := byte('A' + e.n - 1)
	if e.n > 26 {
		length = byte('a' + e.n - 27)
	}
	clear(e.buf[e.n:])
	out := append(make([]byte, 0, 70), length)
	for at := 0; at < e.n; at += 4 {
		out = append5(out, binary.BigEndian.Uint32(e.buf[at:]))
	}
	e.p.bytes(append(out, '\n'))
	e.n = 0
}

func append5(out []byte, v uint32) []byte {
	var d [5]byte
	for i := 4; i >= 0; i-- {
		d[i] = digits85[v%85]
		v /= 85
	}
	return append(out, d[:]...)
}
