package xet

import "fmt"

// VerifyFile checks a file of a shard against the xorbs that are stored and returns its size. It proves that the segments make
// the file with that hash, and by the verification hashes that the sender knows the chunks rather than names alone.
//
// index is called once per segment, in order, so that it is also the place to stop (by a context, say) a file that lists the
// same chunks over and over. Its errors are passed on wrapped; all other failures are [FormatError].
func VerifyFile(f *File, index func(Hash) (*Index, error)) (size uint64, err error) {
	if len(f.Segments) == 0 {
		if !f.Hash.IsZero() {
			return 0, formatErrorf("shard", "file without segments")
		}
		return 0, nil
	}
	if len(f.Verification) != len(f.Segments) {
		return 0, formatErrorf("shard", "file without verification")
	}
	var tree Merkle
	for i := range f.Segments {
		s := &f.Segments[i]
		x, err := index(s.Xorb)
		if err != nil {
			return 0, fmt.Errorf("segment %d: %w", i, err)
		}
		if err := verifySegment(s, x, f.Verification[i]); err != nil {
			return 0, fmt.Errorf("segment %d: %w", i, err)
		}
		for j := int(s.Start); j < int(s.End); j++ {
			tree.Add(Leaf{x.Chunks[j].Hash, x.RawLen(j, j+1)})
		}
		size += uint64(s.UnpackedBytes)
	}
	if tree.FileHash() != f.Hash {
		return 0, formatErrorf("shard", "file reconstruction does not produce this hash")
	}
	return size, nil
}

func verifySegment(s *Segment, x *Index, verification Hash) error {
	if s.Start >= s.End || int64(s.End) > int64(x.NumChunks()) {
		return formatErrorf("shard", "chunks %d to %d of a xorb of %d", s.Start, s.End, x.NumChunks())
	}
	start, end := int(s.Start), int(s.End)
	if x.RawLen(start, end) != uint64(s.UnpackedBytes) {
		return formatErrorf("shard", "segment is not as long as its chunks")
	}
	if x.RangeHash(start, end) != verification {
		return formatErrorf("shard", "verification does not match")
	}
	return nil
}

// VerifyXorbInfo checks a shard's listing of a xorb against the stored one: hashes, lengths and running offsets must agree.
// Failures are [FormatError].
func VerifyXorbInfo(info *XorbInfo, x *Index) error {
	if info.Hash != x.Hash || len(info.Chunks) != x.NumChunks() {
		return formatErrorf("shard", "not the xorb that is stored")
	}
	for i := range info.Chunks {
		c := &info.Chunks[i]
		if c.Hash != x.Chunks[i].Hash || uint64(c.Length) != x.RawLen(i, i+1) || uint64(c.Start) != x.rawEnd(i) {
			return formatErrorf("shard", "chunk %d differs from the stored xorb", i)
		}
	}
	return nil
}
