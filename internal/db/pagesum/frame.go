package pagesum

import "encoding/binary"

// The write-ahead log: a header of 32 bytes, then frames of a header and a page each. See "WAL File Format" in SQLite's
// documentation of its file formats.
const (
	logHeaderSize   = 32
	frameHeaderSize = 24
	frameSize       = frameHeaderSize + PageSize

	logSumAt   = 24 // in the log's header: the checksum that the first frame's continues
	frameSumAt = 16 // in a frame's header
)

// frameOf is where the frame begins whose page lies at an offset of the log.
func frameOf(pageAt int64) (at int64, ok bool) {
	at = pageAt - frameHeaderSize
	return at, isFrame(at)
}

func isFrame(at int64) bool { return at >= logHeaderSize && (at-logHeaderSize)%frameSize == 0 }

// sumBefore is where the checksum lies that a frame's continues: in the frame before, or in the log's header.
func sumBefore(frameAt int64) int64 {
	if frameAt == logHeaderSize {
		return logSumAt
	}
	return frameAt - frameSize + frameSumAt
}

// soundFrame says whether a page is what the header of its frame sums up, after the 8 bytes of the sum before it.
func soundFrame(before, header, page []byte) bool {
	s := logSum{binary.BigEndian.Uint32(before), binary.BigEndian.Uint32(before[4:])}
	s = s.add(header[:8]).add(page)
	return s.a == binary.BigEndian.Uint32(header[frameSumAt:]) && s.b == binary.BigEndian.Uint32(header[frameSumAt+4:])
}

// logSum is the checksum of SQLite's log as machines with the little end first make it, which are all that Cairn is built for.
type logSum struct{ a, b uint32 }

// add takes in a multiple of 8 bytes.
func (s logSum) add(p []byte) logSum {
	for ; len(p) >= 8; p = p[8:] {
		s.a += binary.LittleEndian.Uint32(p) + s.b
		s.b += binary.LittleEndian.Uint32(p[4:]) + s.a
	}
	return s
}
