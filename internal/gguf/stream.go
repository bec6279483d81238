package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The bounds on what one header may ask of this process.
const (
	MaxRead      = 64 << 20 // bytes streamed
	MaxTensors   = 200_000
	maxPairs     = 100_000
	maxKey       = 4 << 10
	maxName      = 4 << 10
	maxString    = 1 << 20 // bytes of a string that is kept; a longer one is read over
	maxVocab     = 4 << 20 // bytes of the vocabulary, held until the header ends to look up two tokens
	maxArrayDeep = 4
	maxRank      = 8
)

// ErrFormat is in the chain of every error that says the bytes are not what they claim to be.
var ErrFormat = errors.New("not a valid GGUF file")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// stream reads the format's scalars and knows how many bytes the header can still have, so that a claimed length is
// compared with what can be there before anything is read or allocated.
type stream struct {
	r     *bufio.Reader
	left  int64
	order binary.ByteOrder
	wide  bool // counts have 64 bits
	buf   [8]byte
}

func newStream(r io.Reader, size int64) *stream {
	left := int64(MaxRead)
	if size >= 0 && size < left {
		left = size
	}
	limited := io.LimitReader(r, left)
	return &stream{r: bufio.NewReaderSize(limited, 64<<10), left: left, order: binary.LittleEndian}
}

func (s *stream) fixed(n int) ([]byte, error) {
	if int64(n) > s.left {
		return nil, invalid("the header ends too early or is larger than %d bytes", MaxRead)
	}
	s.left -= int64(n)
	if _, err := io.ReadFull(s.r, s.buf[:n]); err != nil {
		return nil, readError(err)
	}
	return s.buf[:n], nil
}

func (s *stream) u32() (uint32, error) {
	b, err := s.fixed(4)
	if err != nil {
		return 0, err
	}
	return s.order.Uint32(b), nil
}

func (s *stream) u64() (uint64, error) {
	b, err := s.fixed(8)
	if err != nil {
		return 0, err
	}
	return s.order.Uint64(b), nil
}

// count reads a count or length, whose width depends on the version.
func (s *stream) count() (uint64, error) {
	if s.wide {
		return s.u64()
	}
	n, err := s.u32()
	return uint64(n), err
}

// skip reads over n bytes.
func (s *stream) skip(n uint64) error {
	if n > uint64(s.left) {
		return invalid("a length of %d is past the end of the header", n)
	}
	s.left -= int64(n)
	_, err := s.r.Discard(int(n))
	return readError(err)
}

// text reads a string of at most limit bytes; a longer one is read over and gives ok == false.
func (s *stream) text(limit uint64) (text string, ok bool, err error) {
	b, ok, err := s.appendText(nil, limit)
	return string(b), ok, err
}

func (s *stream) appendText(dst []byte, limit uint64) ([]byte, bool, error) {
	n, err := s.count()
	if err != nil {
		return dst, false, err
	}
	if n > limit {
		return dst, false, s.skip(n)
	}
	if n > uint64(s.left) {
		return dst, false, invalid("a string of %d bytes is past the end of the header", n)
	}
	s.left -= int64(n)
	old := len(dst)
	dst = append(dst, make([]byte, n)...)
	_, err = io.ReadFull(s.r, dst[old:])
	return dst, true, readError(err)
}

func readError(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrFormat):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("the file ends too early")
	}
	return fmt.Errorf("read GGUF header: %w", err)
}
