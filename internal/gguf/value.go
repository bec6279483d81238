package gguf

import "math"

// The types of values.
const (
	typeU8 = iota
	typeI8
	typeU16
	typeI16
	typeU32
	typeI32
	typeF32
	typeBool
	typeString
	typeArray
	typeU64
	typeI64
	typeF64
)

var width = map[uint32]uint64{
	typeU8: 1, typeI8: 1, typeBool: 1, typeU16: 2, typeI16: 2, typeU32: 4, typeI32: 4, typeF32: 4,
	typeU64: 8, typeI64: 8, typeF64: 8,
}

// value reads a scalar: an int64, a string, or nil for what nobody asks for (floats, arrays, strings too long).
func (s *stream) value(typ uint32) (any, error) {
	switch typ {
	case typeString:
		text, ok, err := s.text(maxString)
		if err != nil || !ok {
			return nil, err
		}
		return text, nil
	case typeArray:
		return nil, s.skipArray(0)
	}
	return s.number(typ)
}

func (s *stream) number(typ uint32) (any, error) {
	n, ok := width[typ]
	if !ok {
		return nil, invalid("value type %d is unknown", typ)
	}
	b, err := s.fixed(int(n))
	if err != nil {
		return nil, err
	}
	switch typ {
	case typeU8, typeBool:
		return int64(b[0]), nil
	case typeI8:
		return int64(int8(b[0])), nil
	case typeU16:
		return int64(s.order.Uint16(b)), nil
	case typeI16:
		return int64(int16(s.order.Uint16(b))), nil
	case typeU32:
		return int64(s.order.Uint32(b)), nil
	case typeI32:
		return int64(int32(s.order.Uint32(b))), nil
	case typeU64, typeI64:
		if u := s.order.Uint64(b); typ == typeI64 || u <= math.MaxInt64 {
			return int64(u), nil
		}
	}
	return nil, nil
}

func (s *stream) arrayHead() (typ uint32, n uint64, err error) {
	if typ, err = s.u32(); err != nil {
		return 0, 0, err
	}
	n, err = s.count()
	return typ, n, err
}

func (s *stream) skipArray(depth int) error {
	if depth >= maxArrayDeep {
		return invalid("arrays nest deeper than %d", maxArrayDeep)
	}
	typ, n, err := s.arrayHead()
	if err != nil {
		return err
	}
	return s.skipElements(typ, n, depth)
}

func (s *stream) skipElements(typ uint32, n uint64, depth int) error {
	if w, ok := width[typ]; ok {
		if n > uint64(s.left)/w {
			return invalid("an array of %d elements is past the end of the header", n)
		}
		return s.skip(n * w)
	}
	if typ != typeString && typ != typeArray {
		return invalid("value type %d is unknown", typ)
	}
	for ; n > 0; n-- { // each element takes bytes of the header, so the stream's bound ends the loop
		if err := s.skipElement(typ, depth); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) skipElement(typ uint32, depth int) error {
	if typ == typeArray {
		return s.skipArray(depth + 1)
	}
	n, err := s.count()
	if err != nil {
		return err
	}
	return s.skip(n)
}

// vocab is the token list, held in one piece: a slice of strings would weigh several times its text.
type vocab struct {
	text []byte
	ends []uint32
}

func (v *vocab) token(id int64) string {
	if id < 0 || id >= int64(len(v.ends)) {
		return ""
	}
	begin := uint32(0)
	if id > 0 {
		begin = v.ends[id-1]
	}
	return string(v.text[begin:v.ends[id]])
}

// vocab reads an array of strings and keeps it unless it is too large, in which case it is read over.
func (s *stream) vocab() (*vocab, error) {
	typ, n, err := s.arrayHead()
	if err != nil {
		return nil, err
	}
	if typ != typeString {
		return nil, s.skipElements(typ, n, 0)
	}
	v := &vocab{}
	for ; n > 0; n-- {
		var ok bool
		room := maxVocab - len(v.text) - 4*len(v.ends)
		if v.text, ok, err = s.appendText(v.text, uint64(max(room-4, 0))); err != nil {
			return nil, err
		}
		if !ok || room < 4 {
			return nil, s.skipElements(typ, n-1, 0)
		}
		v.ends = append(v.ends, uint32(len(v.text)))
	}
	return v, nil
}
