package git

import (
	"fmt"
	"io"
	"strconv"
)

// PktKind tells the frames of git's wire protocol apart (gitprotocol-common(5), gitprotocol-v2(5)).
type PktKind int

// A packet with data, and the three that have none.
const (
	PktData  PktKind = iota
	PktFlush         // 0000: the end of a list
	PktDelim         // 0001: between the parts of a request
	PktEnd           // 0002: the end of an answer
)

// maxPktData is the most bytes that one packet may carry.
const maxPktData = 65516

// PktReader reads packets and never a byte beyond them: what follows a list may be a pack.
type PktReader struct {
	r    io.Reader
	left int64
	buf  [maxPktData]byte
}

// NewPktReader reads packets of up to limit bytes altogether.
func NewPktReader(r io.Reader, limit int64) *PktReader { return &PktReader{r: r, left: limit} }

// Next is the next packet; its data is valid until the call after. io.EOF: there are no more.
func (p *PktReader) Next() (PktKind, []byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = malformed("packet cut short")
		}
		return 0, nil, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	if err != nil || n == 3 || n > maxPktData+4 {
		return 0, nil, malformed("packet length %q", head[:])
	}
	if n < 4 {
		return [3]PktKind{PktFlush, PktDelim, PktEnd}[n], nil, nil //nolint:gosec // n is below 3 here
	}
	n -= 4
	if p.left -= int64(n) + 4; p.left < 0 {
		return 0, nil, fmt.Errorf("%w: request of too many packets", ErrLimit)
	}
	if _, err := io.ReadFull(p.r, p.buf[:n]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = malformed("packet cut short")
		}
		return 0, nil, err
	}
	return PktData, p.buf[:n], nil
}

// Line is Next for text: without the line break at its end.
func (p *PktReader) Line() (PktKind, string, error) {
	kind, data, err := p.Next()
	if n := len(data); n > 0 && data[n-1] == '\n' {
		data = data[:n-1]
	}
	return kind, string(data), err
}

// AppendPkt appends one packet. Data that is too long for one is the caller's mistake and is cut.
func AppendPkt(b []byte, data string) []byte {
	data = data[:min(len(data), maxPktData)]
	return append(fmt.Appendf(b, "%04x", len(data)+4), data...)
}

// AppendFlush appends the packet that ends a list.
func AppendFlush(b []byte) []byte { return append(b, "0000"...) }

// Bands of a multiplexed answer.
const (
	BandData     = 1
	BandProgress = 2 // shown to the user
	BandError    = 3 // shown to the user; nothing follows
)

// AppendBand appends data on a band, in as many packets as it takes.
func AppendBand(b []byte, band byte, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), maxPktData-1)
		b = fmt.Appendf(b, "%04x%c", n+5, band)
		b = append(b, data[:n]...)
		data = data[n:]
	}
	return b
}

// BandBuffer is room for packets of BandData that are filled in place and sent together.
type BandBuffer struct {
	b    []byte
	n    int // bytes that are filled
	size int // of the packets' data
}

const bandHead = 5 // the length in hex and the band

// NewBandBuffer has room for some packets.
func NewBandBuffer(packets int) *BandBuffer {
	return &BandBuffer{b: make([]byte, packets*(maxPktData+4)), size: maxPktData - 1}
}

// Reset empties the buffer.
func (b *BandBuffer) Reset() { b.n = 0 }

// Empty reports whether there are no packets.
func (b *BandBuffer) Empty() bool { return b.n == 0 }

// Bytes are the packets so far.
func (b *BandBuffer) Bytes() []byte { return b.b[:b.n] }

// Next is where the data of the next packet belongs; nil: there is no more room.
func (b *BandBuffer) Next() []byte {
	if b.n+bandHead+b.size > len(b.b) {
		return nil
	}
	return b.b[b.n+bandHead : b.n+bandHead+b.size]
}

// Used makes a packet of the first bytes of what Next gave.
func (b *BandBuffer) Used(n int) {
	if n == 0 {
		return
	}
	copy(b.b[b.n:], fmt.Sprintf("%04x%c", n+bandHead, BandData))
	b.n += bandHead + n
}
