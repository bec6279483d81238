package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
)

// Parse reads the header at the start of r. size is the size of the whole file in bytes, or negative when it is unknown;
// a known size proves that the tensors fill the file exactly. At most 8+MaxHeader bytes are read.
func Parse(r io.Reader, size int64) (*Info, error) { return Walk(r, size, nil) }

// Walk is Parse that also hands every tensor to visit, in the header's order, until visit fails. The tensors' byte
// ranges are proved only when Walk returns without an error.
func Walk(r io.Reader, size int64, visit func(Tensor) error) (*Info, error) {
	n, err := headerLen(r, size)
	if err != nil {
		return nil, err
	}
	h := &header{
		info:  &Info{Parameters: map[string]int64{}, Metadata: map[string]string{}, HeaderSize: n},
		visit: visit, seed: maphash.MakeSeed(), names: map[uint64]struct{}{}, data: -1,
	}
	if size >= 0 {
		h.data = size - 8 - n
	}
	body := &io.LimitedReader{R: r, N: n}
	h.dec = newDecoder(body)
	if err := h.read(); err != nil {
		return nil, asFormat(err)
	}
	if err := h.checkRanges(); err != nil {
		return nil, err
	}
	return h.info, nil
}

func headerLen(r io.Reader, size int64) (int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, asFormat(err)
	}
	n := binary.LittleEndian.Uint64(b[:])
	switch {
	case n < 2:
		return 0, invalid("the header is empty")
	case n > MaxHeader:
		return 0, invalid("the header claims %d bytes, more than %d", n, MaxHeader)
	case size >= 0 && int64(n) > size-8:
		return 0, invalid("the header claims %d bytes in a file of %d", n, size)
	}
	return int64(n), nil
}

// header is one header while it is read.
type header struct {
	dec    *decoder
	info   *Info
	visit  func(Tensor) error
	data   int64 // bytes after the header, or -1
	seed   maphash.Seed
	names  map[uint64]struct{} // hashes, since 300,000 long names would weigh too much
	ranges [][2]int64
	kept   int // bytes of metadata
}

func (h *header) read() error {
	err := h.dec.object(func(name string) error {
		if name == "__metadata__" {
			return h.metadata()
		}
		return h.tensor(name)
	})
	if err != nil {
		return err
	}
	return h.dec.end()
}

func (h *header) metadata() error {
	return h.dec.object(func(key string) error {
		value, ok, err := h.dec.stringOrSkip()
		if err != nil || !ok {
			return err
		}
		size := len(key) + len(value)
		if h.kept+size <= maxMetadata && len(h.info.Metadata) < maxEntries {
			h.kept += size
			h.info.Metadata[key] = value
		}
		return nil
	})
}

func (h *header) tensor(name string) error {
	if err := h.name(name); err != nil {
		return err
	}
	t, err := h.dec.tensor(name)
	if err != nil {
		return err
	}
	n, err := t.check(h.data)
	if err != nil {
		return err
	}
	h.ranges = append(h.ranges, [2]int64{t.Begin, t.End})
	if err := h.info.count(t.DType, n); err != nil {
		return err
	}
	if h.visit != nil {
		return h.visit(t)
	}
	return nil
}

func (h *header) name(name string) error {
	if len(name) > maxName {
		return invalid("a tensor's name is longer than %d bytes", maxName)
	}
	if h.info.Tensors++; h.info.Tensors > MaxTensors {
		return invalid("more than %d tensors", MaxTensors)
	}
	sum := maphash.String(h.seed, name)
	if _, dup := h.names[sum]; dup {
		return invalid("tensor %.64q is there twice", name)
	}
	h.names[sum] = struct{}{}
	return nil
}

// check proves one tensor by itself and returns its number of elements.
func (t Tensor) check(data int64) (int64, error) {
	if !validDType(t.DType) {
		return 0, invalid("tensor %.64q has dtype %.32q", t.Name, t.DType)
	}
	n, ok := elements(t.Shape)
	if !ok {
		return 0, invalid("tensor %.64q has an impossible shape", t.Name)
	}
	if t.Begin < 0 || t.End < t.Begin || (data >= 0 && t.End > data) {
		return 0, invalid("tensor %.64q lies outside the file", t.Name)
	}
	size, known, ok := byteLen(t.DType, n)
	if !ok || (known && size != t.End-t.Begin) {
		return 0, invalid("tensor %.64q has %d bytes, which does not fit its shape", t.Name, t.End-t.Begin)
	}
	return n, nil
}

// checkRanges proves that the tensors follow each other without gap or overlap and fill the file.
func (h *header) checkRanges() error {
	slices.SortFunc(h.ranges, func(a, b [2]int64) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	end := int64(0)
	for _, r := range h.ranges {
		if r[0] != end {
			return invalid("the tensors leave a gap or overlap at byte %d", end)
		}
		end = r[1]
	}
	if h.data >= 0 && end != h.data {
		return invalid("the tensors end at byte %d of %d", end, h.data)
	}
	return nil
}

// asFormat turns the reader's and the decoder's complaints about the bytes into ErrFormat; other errors, such as a
// failed disk, pass through.
func asFormat(err error) error {
	var syntax *json.SyntaxError
	switch {
	case err == nil || errors.Is(err, ErrFormat):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("the file ends too early")
	case errors.As(err, &syntax):
		return invalid("%s", syntax.Error())
	}
	return fmt.Errorf("read safetensors header: %w", err)
}
