package gguf

import (
	"encoding/binary"
	"io"
	"math"
	"strings"
)

// Parse reads the header at the start of r. size is the size of the whole file in bytes, or negative when it is unknown.
// At most MaxRead bytes are read.
func Parse(r io.Reader, size int64) (*Info, error) { return Walk(r, size, nil) }

// Walk is Parse that also hands every tensor to visit, in the file's order, until visit fails.
func Walk(r io.Reader, size int64, visit func(Tensor) error) (*Info, error) {
	h := &header{
		stream: newStream(r, size), info: &Info{Parameters: map[string]int64{}},
		contexts: map[string]int64{}, bos: -1, eos: -1, visit: visit,
	}
	if size > 0 {
		h.info.TotalFileSize = size
	}
	tensors, pairs, err := h.counts()
	if err != nil {
		return nil, err
	}
	for ; pairs > 0; pairs-- {
		if err := h.pair(); err != nil {
			return nil, err
		}
	}
	for ; tensors > 0; tensors-- {
		if err := h.tensor(); err != nil {
			return nil, err
		}
	}
	return h.finish(), nil
}

// header is one header while it is read.
type header struct {
	*stream
	info     *Info
	contexts map[string]int64 // "<architecture>.context_length", since the architecture may come later
	tokens   *vocab
	bos, eos int64
	visit    func(Tensor) error
}

func (h *header) counts() (tensors, pairs uint64, err error) {
	magic, err := h.fixed(4)
	if err != nil {
		return 0, 0, err
	}
	if string(magic) != "GGUF" {
		return 0, 0, invalid("the magic bytes are missing")
	}
	if err := h.version(); err != nil {
		return 0, 0, err
	}
	if tensors, err = h.count(); err != nil {
		return 0, 0, err
	}
	if pairs, err = h.count(); err != nil {
		return 0, 0, err
	}
	if tensors > MaxTensors || pairs > maxPairs {
		return 0, 0, invalid("%d tensors and %d keys are too many", tensors, pairs)
	}
	return tensors, pairs, nil
}

func (h *header) version() error {
	v, err := h.u32()
	if err != nil {
		return err
	}
	if v&0xffff == 0 { // a small number in the other byte order
		h.order = binary.BigEndian
		v = v>>24 | v>>8&0xff00
	}
	if v < 1 || v > 3 {
		return invalid("version %d is unknown", v)
	}
	h.wide = v >= 2
	h.info.Version = int(v)
	return nil
}

func (h *header) pair() error {
	key, ok, err := h.text(maxKey)
	if err != nil {
		return err
	}
	if !ok {
		return invalid("a key is longer than %d bytes", maxKey)
	}
	typ, err := h.u32()
	if err != nil {
		return err
	}
	if key == "tokenizer.ggml.tokens" && typ == typeArray {
		h.tokens, err = h.vocab()
		return err
	}
	value, err := h.value(typ)
	if err != nil {
		return err
	}
	h.keep(key, value)
	return nil
}

func (h *header) keep(key string, value any) {
	switch v := value.(type) {
	case string:
		h.keepText(key, strings.ToValidUTF8(v, "\uFFFD"))
	case int64:
		h.keepNumber(key, v)
	}
}

func (h *header) keepText(key, v string) {
	switch key {
	case "general.architecture":
		h.info.Architecture = clip(v, 128)
	case "general.name":
		h.info.Name = clip(v, 1024)
	case "tokenizer.chat_template":
		h.info.ChatTemplate = v
	case "quantize.imatrix.file":
		h.info.QuantizeImatrixFile = clip(v, 1024)
	}
}

func (h *header) keepNumber(key string, v int64) {
	switch key {
	case "general.file_type":
		h.info.FileType = fileTypeName(v)
	case "general.quantization_version":
		h.info.QuantVersion = v
	case "tokenizer.ggml.bos_token_id":
		h.bos = v
	case "tokenizer.ggml.eos_token_id":
		h.eos = v
	default:
		if arch, ok := strings.CutSuffix(key, ".context_length"); ok && len(h.contexts) < 16 {
			h.contexts[arch] = v
		}
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func (h *header) tensor() error {
	name, ok, err := h.text(maxName)
	if err != nil {
		return err
	}
	if !ok {
		return invalid("a tensor's name is longer than %d bytes", maxName)
	}
	shape, n, err := h.shape()
	if err != nil {
		return err
	}
	typ, err := h.u32()
	if err != nil {
		return err
	}
	offset, err := h.u64()
	if err != nil {
		return err
	}
	if size := h.info.TotalFileSize; size > 0 && offset > uint64(size) {
		return invalid("a tensor lies outside the file")
	}
	t := Tensor{Name: name, Type: tensorTypeName(typ), Shape: shape, Offset: offset}
	return h.add(t, n)
}

func (h *header) shape() ([]uint64, int64, error) {
	rank, err := h.u32()
	if err != nil {
		return nil, 0, err
	}
	if rank > maxRank {
		return nil, 0, invalid("a tensor has %d dimensions", rank)
	}
	shape, n, zero := make([]uint64, rank), uint64(1), false
	for i := range shape {
		d, err := h.count()
		if err != nil {
			return nil, 0, err
		}
		shape[i] = d
		switch {
		case d == 0:
			zero = true
		case n > math.MaxInt64/d:
			return nil, 0, invalid("a tensor has more than 2^63 elements")
		default:
			n *= d
		}
	}
	if zero {
		n = 0
	}
	return shape, int64(n), nil
}

func (h *header) add(t Tensor, n int64) error {
	if n > math.MaxInt64-h.info.Total {
		return invalid("more parameters than 2^63")
	}
	if _, ok := h.info.Parameters[t.Type]; !ok && len(h.info.Parameters) >= 64 {
		return invalid("too many tensor types")
	}
	h.info.Total += n
	h.info.Parameters[t.Type] += n
	h.info.Tensors++
	if h.visit != nil {
		return h.visit(t)
	}
	return nil
}

func (h *header) finish() *Info {
	if n := h.contexts[h.info.Architecture]; n > 0 {
		h.info.ContextLength = n
	}
	if h.tokens != nil {
		h.info.BOSToken = clip(strings.ToValidUTF8(h.tokens.token(h.bos), "\uFFFD"), 1024)
		h.info.EOSToken = clip(strings.ToValidUTF8(h.tokens.token(h.eos), "\uFFFD"), 1024)
	}
	return h.info
}
