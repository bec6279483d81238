package xet

import "encoding/binary"

// termSize is the length of one encoded term: xorb hash 32, unpacked bytes 4, first chunk 4, end chunk 4.
const termSize = HashSize + 12

// EncodeTerms packs the segments of a file, 44 bytes each: what a database keeps of a file.
func EncodeTerms(segments []Segment) []byte {
	b := make([]byte, 0, len(segments)*termSize)
	for i := range segments {
		s := &segments[i]
		b = append(b, s.Xorb[:]...)
		b = binary.LittleEndian.AppendUint32(b, s.UnpackedBytes)
		b = binary.LittleEndian.AppendUint32(b, s.Start)
		b = binary.LittleEndian.AppendUint32(b, s.End)
	}
	return b
}

// DecodeTerms is the inverse of [EncodeTerms]. Bytes that it did not write are [ErrCorrupt].
func DecodeTerms(b []byte) ([]Segment, error) {
	if len(b)%termSize != 0 {
		return nil, corruptErrorf("term list of %d bytes", len(b))
	}
	segments := make([]Segment, len(b)/termSize)
	for i := range segments {
		t := b[i*termSize:]
		s := Segment{
			Xorb:          Hash(t[:HashSize]),
			UnpackedBytes: binary.LittleEndian.Uint32(t[32:]),
			Start:         binary.LittleEndian.Uint32(t[36:]),
			End:           binary.LittleEndian.Uint32(t[40:]),
		}
		if s.Start >= s.End || s.UnpackedBytes == 0 {
			return nil, corruptErrorf("term %d is empty", i)
		}
		segments[i] = s
	}
	return segments, nil
}
