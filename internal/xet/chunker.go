package xet

import (
	"fmt"
	"io"
)

// Bounds of a chunk in bytes (Xet protocol specification, "Chunking"). The minimum does not bind the last chunk of a file,
// nor the xorbs of clients, some of which cut a little below it.
const (
	MinChunk    = 8 << 10
	TargetChunk = 64 << 10
	MaxChunk    = 128 << 10
)

const (
	// cutBelow is where the rolling hash makes a cut: its upper 16 bits are zero, on average once in 64 KiB.
	cutBelow = 1 << 48
	// scanFrom is the first byte that is hashed. The hash forgets a byte after 64 others, so that those before cannot
	// change the outcome at the first admissible cut.
	scanFrom = MinChunk - 64 - 1
	// bufferSize lets several chunks be cut between two reads.
	bufferSize = 4 * MaxChunk
)

// Chunker cuts a stream into content-defined chunks, so that an edit changes only the chunks around it. It holds a buffer of
// 512 KiB, whatever the stream's length.
type Chunker struct {
	r          io.Reader
	buf        []byte
	start, end int // the unread part of buf
	err        error
}

// NewChunker returns a Chunker that reads r.
func NewChunker(r io.Reader) *Chunker {
	return &Chunker{r: r, buf: make([]byte, bufferSize)}
}

// Next returns the next chunk, of 1 to [MaxChunk] bytes, valid until the following call. It returns io.EOF after the last one
// (at once for an empty stream) and the reader's error if that fails; bytes read before a failure are not given out as a chunk.
func (c *Chunker) Next() ([]byte, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	rest := c.buf[c.start:c.end]
	if len(rest) == 0 {
		return nil, io.EOF
	}
	n := cut(rest)
	c.start += n
	return rest[:n], nil
}

// fill makes sure that the longest possible chunk is in the buffer, or all that is left.
func (c *Chunker) fill() error {
	if c.end-c.start < MaxChunk && c.err == nil {
		c.end = copy(c.buf, c.buf[c.start:c.end])
		c.start = 0
		c.read()
	}
	if c.err != nil && c.err != io.EOF {
		return fmt.Errorf("read chunks: %w", c.err)
	}
	return nil
}

func (c *Chunker) read() {
	const maxEmpty = 100 // as bufio: a reader that gives nothing for ever must not hang us
	for empty := 0; c.end < MaxChunk && c.err == nil; {
		n, err := c.r.Read(c.buf[c.end:])
		c.end += n
		c.err = err
		if n > 0 {
			empty = 0
		} else if empty++; empty == maxEmpty && err == nil {
			c.err = io.ErrNoProgress
		}
	}
}

// cut returns the length of the chunk at the head of data, which must hold MaxChunk bytes or all that is left of the stream.
func cut(data []byte) int {
	if len(data) > MaxChunk {
		data = data[:MaxChunk]
	}
	if len(data) <= MinChunk {
		return len(data)
	}
	var h uint64
	for _, b := range data[scanFrom : MinChunk-1] {
		h = h<<1 + gear[b]
	}
	if n := scan(data[MinChunk-1:], h); n > 0 {
		return MinChunk - 1 + n
	}
	return len(data)
}

// scan returns the number of bytes up to and with the first cut, 0 if there is none.
//
// It steps two bytes at a time: the hash after the second comes from the one before the first without waiting for the one in
// between, which halves the chain of dependent instructions that bounds the speed.
func scan(data []byte, h uint64) int {
	i := 0
	for ; i+8 <= len(data); i += 8 {
		p := data[i : i+8 : i+8]
		g := gear[p[0]]
		if h<<1+g < cutBelow {
			return i + 1
		}
		if h = h<<2 + (g<<1 + gear[p[1]]); h < cutBelow {
			return i + 2
		}
		g = gear[p[2]]
		if h<<1+g < cutBelow {
			return i + 3
		}
		if h = h<<2 + (g<<1 + gear[p[3]]); h < cutBelow {
			return i + 4
		}
		g = gear[p[4]]
		if h<<1+g < cutBelow {
			return i + 5
		}
		if h = h<<2 + (g<<1 + gear[p[5]]); h < cutBelow {
			return i + 6
		}
		g = gear[p[6]]
		if h<<1+g < cutBelow {
			return i + 7
		}
		if h = h<<2 + (g<<1 + gear[p[7]]); h < cutBelow {
			return i + 8
		}
	}
	for ; i < len(data); i++ {
		if h = h<<1 + gear[data[i]]; h < cutBelow {
			return i + 1
		}
	}
	return 0
}
