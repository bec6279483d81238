package pagesum

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

const (
	// PageSize is the only size of pages that carry checksums: SQLite's default, which all of Cairn's databases have.
	PageSize = 4096

	// Reserved is the number of bytes at the end of a page that SQLite leaves to the layers below.
	Reserved = 8

	reservedAt = 20 // where the header of a database says how many bytes are reserved
	headerSize = 100
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	magic      = []byte("SQLite format 3\x00") // how a database begins

	// mark begins the reserved bytes of each page. A page of zeros, as a disk answers that has lost it, lacks it.
	mark = []byte("crn1")
)

// seal puts the checksum into the last bytes of a page. at is the page's place in the file, in bytes: it is part of what is
// summed, so that a page that was written to another's place is noticed.
func seal(page []byte, at int64) {
	end := page[len(page)-Reserved:]
	copy(end, mark)
	binary.LittleEndian.PutUint32(end[4:], sum(page, at))
}

// sound says whether a page is what seal was given.
func sound(page []byte, at int64) bool {
	end := page[len(page)-Reserved:]
	return bytes.Equal(end[:4], mark) && binary.LittleEndian.Uint32(end[4:]) == sum(page, at)
}

func sum(page []byte, at int64) uint32 {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(at/PageSize))
	crc := crc32.Update(0, castagnoli, number[:])
	return crc32.Update(crc, castagnoli, page[:len(page)-4])
}

// Sums are what a file's first page says about the checksums of all pages.
type Sums int32

// The states of a file. A file never goes from one of the last two to the other: it gets checksums when it is created, or by
// being written anew under another name.
const (
	Unknown Sums = iota // there is no page yet
	Off
	On
)

// Of looks at the first page of a database. The number of reserved bytes and the mark each suffice: a flipped bit in one of them
// does not switch the checks off.
func Of(first []byte) Sums {
	switch {
	case len(first) < headerSize:
		return Unknown
	case len(first) >= PageSize && bytes.Equal(first[PageSize-Reserved:PageSize-4], mark):
		return On
	case !bytes.Equal(first[:len(magic)], magic):
		return Unknown
	case first[reservedAt] == Reserved && pageSize(first) == PageSize:
		return On
	}
	return Off
}

func pageSize(header []byte) int {
	n := int(binary.BigEndian.Uint16(header[16:]))
	if n == 1 {
		return 65536
	}
	return n
}
