package archive

import (
	"io"

	"github.com/klauspost/compress/flate"
)

// How hard bytes are pressed. A model's weights do not get smaller, or only as single bytes do; at the fastest level of
// deflate they would still cost a second of a processor for each 100 MB.
const (
	pressed  = flate.BestSpeed
	bytewise = flate.HuffmanOnly
	stored   = flate.NoCompression
)

const (
	sampleFrom = 1 << 20   // bytes of a file from which on its beginning decides
	sampleSize = 128 << 10 // bytes of it
)

// levelOf judges by what a sample shrinks to.
func levelOf(sample []byte) int {
	single := shrunk(sample, bytewise)
	if both := shrunk(sample, pressed); both < single-single/8 {
		return pressed
	}
	if single > len(sample)-len(sample)/20 {
		return stored
	}
	return bytewise
}

func shrunk(sample []byte, level int) int {
	var n count
	w, err := flate.NewWriter(&n, level)
	if err != nil {
		return len(sample)
	}
	_, _ = w.Write(sample) // a count does not fail
	_ = w.Close()
	return int(n)
}

type count int

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}

// sampler holds the beginning of a file back until it knows how to press it.
type sampler struct {
	begin func(level int) (io.Writer, error)
	head  []byte
	w     io.Writer
}

func (s *sampler) Write(p []byte) (int, error) {
	if s.w != nil {
		return s.w.Write(p)
	}
	n := len(p)
	k := min(n, sampleSize-len(s.head))
	s.head = append(s.head, p[:k]...)
	if len(s.head) < sampleSize {
		return n, nil
	}
	if err := s.end(); err != nil {
		return 0, err
	}
	if k < n {
		if _, err := s.w.Write(p[k:]); err != nil {
			return k, err
		}
	}
	return n, nil
}

// end decides, if nothing has yet.
func (s *sampler) end() (err error) {
	if s.w != nil {
		return nil
	}
	if s.w, err = s.begin(levelOf(s.head)); err != nil {
		return err
	}
	_, err = s.w.Write(s.head)
	s.head = nil
	return err
}
