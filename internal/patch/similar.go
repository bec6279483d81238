package patch

import (
	"bytes"
	"hash/maphash"
)

// The scale of a similarity, and how similar files are that are taken for one that was renamed.
const (
	whole        = 60000
	similar      = whole / 2
	similarNamed = similar + similar/2 // when it kept its name and moved to another folder
)

const maxPiece = 64 // bytes of a piece of a line

// fingerprint is how many bytes of each different piece a file has; a piece is a line or 64 bytes of it.
type fingerprint struct {
	size   int64
	pieces map[uint64]int64
}

var seed = maphash.MakeSeed()

func printOf(data []byte) fingerprint {
	p := fingerprint{size: int64(len(data)), pieces: map[uint64]int64{}}
	text := !IsBinary(data)
	for len(data) > 0 {
		n := min(len(data), maxPiece)
		if k := bytes.IndexByte(data[:n], '\n'); k >= 0 {
			n = k + 1
		}
		piece := data[:n]
		data = data[n:]
		if text && bytes.HasSuffix(piece, crlf) {
			piece = append(bytes.Clone(piece[:n-2]), '\n')
		}
		p.pieces[maphash.Bytes(seed, piece)] += int64(len(piece))
	}
	return p
}

var crlf = []byte("\r\n")

// tooFar reports whether two sizes alone say that files are not similar.
func tooFar(a, b int64) bool {
	larger, smaller := max(a, b), min(a, b)
	return larger*(whole-similar) < (larger-smaller)*whole
}

// similarity is how much of the old file the new one has, of whole.
func similarity(old, new fingerprint) int {
	if new.size == 0 || tooFar(old.size, new.size) {
		return 0
	}
	var kept int64
	for k, n := range old.pieces {
		kept += min(n, new.pieces[k])
	}
	return int(kept * whole / max(old.size, new.size))
}
