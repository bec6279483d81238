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

// classes numbers lines so that equal ones, of both texts, have the same number. It is a table with open addresses, at
// some 20 bytes per line: texts of a million lines must not take hundreds of megabytes.
type classes struct {
	old, new Text
	seed     maphash.Seed
	table    []int32  // class + 1, by hash
	hash     []uint32 // of each class
	line     []int32  // the first line of each class; those of the new text follow those of the old
}

func number(old, new Text) (a, b []int32, n int) {
	size := 16
	for size < 2*(old.Len()+new.Len()) {
		size *= 2
	}
	c := classes{old: old, new: new, seed: maphash.MakeSeed(), table: make([]int32, size)}
	a, b = c.text(old, 0), c.text(new, old.Len())
	return a, b, len(c.line)
}

func (c *classes) text(t Text, first int) []int32 {
	ids := make([]int32, t.Len())
	for i := range ids {
		ids[i] = c.of(t.Line(i), int32(first+i))
	}
	return ids
}

// of finds a line's class or makes one. Lines of one hash are told apart by their bytes.
func (c *classes) of(line []byte, number int32) int32 {
	h := maphash.Bytes(c.seed, line)
	for p := int(h) & (len(c.table) - 1); ; p = (p + 1) & (len(c.table) - 1) {
		id := c.table[p] - 1
		if id < 0 {
			id = int32(len(c.line))
			c.table[p] = id + 1
			c.hash, c.line = append(c.hash, uint32(h>>32)), append(c.line, number)
			return id
		}
		if c.hash[id] == uint32(h>>32) && bytes.Equal(c.bytes(c.line[id]), line) {
			return id
		}
	}
}

func (c *classes) bytes(number int32) []byte {
	if n := int(number) - c.old.Len(); n >= 0 {
		return c.new.Line(n)
	}
	return c.old.Line(int(number))
}
