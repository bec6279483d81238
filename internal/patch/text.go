package patch

import (
	"bytes"
	"hash/maphash"
)

// Text is bytes and where their lines end, at four bytes per line.
type Text struct {
	data []byte
	ends []uint32 // offset behind each line, its line feed included
}

// NewText splits after each line feed; the last line may lack one. It keeps data, of less than 4 GiB.
func NewText(data []byte) Text {
	t := Text{data: data, ends: make([]uint32, 0, bytes.Count(data, newline)+1)}
	for at := 0; at < len(data); {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			n = len(data) - at - 1
		}
		at += n + 1
		t.ends = append(t.ends, uint32(at))
	}
	return t
}

var newline = []byte{'\n'}

// Len is the number of lines.
func (t Text) Len() int { return len(t.ends) }

// Line is line i, counted from 0, with its line feed; do not change it.
func (t Text) Line(i int) []byte { return t.data[t.start(i):t.ends[i]] }

func (t Text) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return t.ends[i-1]
}

// classes numbers lines so that equal ones, of both texts, have the same number.
type classes struct {
	seed  maphash.Seed
	byKey map[uint64]int32
	line  [][]byte // a line of each class
}

func number(old, new Text) (a, b []int32, n int) {
	c := classes{seed: maphash.MakeSeed(), byKey: make(map[uint64]int32, old.Len()+new.Len()/8)}
	a, b = c.text(old), c.text(new)
	return a, b, len(c.line)
}

func (c *classes) text(t Text) []int32 {
	ids := make([]int32, t.Len())
	for i := range ids {
		ids[i] = c.of(t.Line(i))
	}
	return ids
}

// of finds a line's class. Two lines with one hash are told apart by their bytes.
func (c *classes) of(line []byte) int32 {
	for key := maphash.Bytes(c.seed, line); ; key++ {
		id, ok := c.byKey[key]
		if !ok {
			id = int32(len(c.line))
			c.byKey[key] = id
			c.line = append(c.line, line)
			return id
		}
		if bytes.Equal(c.line[id], line) {
			return id
		}
	}
}
