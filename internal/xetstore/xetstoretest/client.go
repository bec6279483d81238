package xetstoretest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cairnhub/cairn/internal/xet"
)

// Xorb is a xorb to upload.
type Xorb struct {
	Hash  xet.Hash
	Body  []byte
	Index *xet.Index
}

// Client packs files for upload. It remembers what it has packed or learned and does not pack it again.
type Client struct {
	MaxRaw int // raw bytes per xorb; 0: the protocol's limit
	// Ask, if not nil, answers dedup queries: a keyed shard, or nil.
	Ask func(chunk xet.Hash) []byte

	places map[xet.Hash]place
	keyed  []keyedListing
}

type place struct {
	xorb  xet.Hash
	index uint32
}

type keyedListing struct {
	key    [32]byte
	places map[xet.Hash]place
}

// Upload is what the client sends for some files: new xorbs and the shard that names them.
type Upload struct {
	Xorbs []Xorb
	Shard xet.Shard
}

// Bytes is the shard as it is sent.
func (u *Upload) Bytes() []byte { return xet.AppendShard(nil, &u.Shard, false) }

// Stored is the number of body bytes of all new xorbs.
func (u *Upload) Stored() (n int) {
	for _, x := range u.Xorbs {
		n += len(x.Body)
	}
	return n
}

// Pack chunks the files and packs what is new of them.
func (c *Client) Pack(t testing.TB, files ...[]byte) *Upload {
	t.Helper()
	if c.places == nil {
		c.places = map[xet.Hash]place{}
	}
	p := packer{t: t, c: c, up: &Upload{}, pending: map[xet.Hash]uint32{}}
	for _, f := range files {
		end := p.file(f)
		p.finish()
		end()
	}
	return p.up
}

// PackTogether is Pack that lets xorbs span files.
func (c *Client) PackTogether(t testing.TB, files ...[]byte) *Upload {
	t.Helper()
	if c.places == nil {
		c.places = map[xet.Hash]place{}
	}
	p := packer{t: t, c: c, up: &Upload{}, pending: map[xet.Hash]uint32{}}
	var ends []func()
	for _, f := range files {
		ends = append(ends, p.file(f))
	}
	p.finish()
	for _, end := range ends {
		end()
	}
	return p.up
}

type packer struct {
	t       testing.TB
	c       *Client
	up      *Upload
	body    *bytes.Buffer
	w       *xet.XorbWriter
	pending map[xet.Hash]uint32 // chunks of the xorb being packed
	open    []*xet.Segment      // segments that wait for its hash
}

// file packs a file; end lists it, once its last xorb is finished.
func (p *packer) file(data []byte) (end func()) {
	f := xet.File{}
	var leaves []xet.Leaf
	var segs []*xet.Segment
	hashes := map[*xet.Segment][]xet.Hash{}
	chunker := xet.NewChunker(bytes.NewReader(data))
	for i := 0; ; i++ {
		chunk, err := chunker.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
		h := xet.ChunkHash(chunk)
		leaves = append(leaves, xet.Leaf{Hash: h, Size: uint64(len(chunk))})
		at, pending := p.place(h, chunk, i == 0)
		seg := p.segment(&segs, at, pending)
		seg.End++
		seg.UnpackedBytes += uint32(len(chunk))
		hashes[seg] = append(hashes[seg], h)
	}
	return func() {
		for _, s := range segs {
			f.Segments = append(f.Segments, *s)
			f.Verification = append(f.Verification, xet.RangeHash(hashes[s]))
		}
		f.Hash = xet.FileHash(leaves)
		sum := sha256.Sum256(data)
		f.SHA256 = &sum
		p.up.Shard.Files = append(p.up.Shard.Files, f)
	}
}

// place finds or packs a chunk.
func (p *packer) place(h xet.Hash, chunk []byte, first bool) (at place, pending bool) {
	if i, ok := p.pending[h]; ok {
		return place{index: i}, true
	}
	if at, ok := p.c.find(p.t, h, first); ok {
		return at, false
	}
	limit := p.c.MaxRaw
	if limit == 0 {
		limit = xet.MaxXorbRaw
	}
	if p.w != nil && (p.w.RawLen()+int64(len(chunk)) > int64(limit) || p.w.Len() == xet.MaxXorbChunks) {
		p.finish()
	}
	if p.w == nil {
		p.body = &bytes.Buffer{}
		p.w = xet.NewXorbWriter(p.body)
	}
	i, full := p.w.Add(chunk, h)
	if full {
		p.t.Fatal("xorb is full")
	}
	p.pending[h] = uint32(i)
	return place{index: uint32(i)}, true
}

func (p *packer) segment(segs *[]*xet.Segment, at place, pending bool) *xet.Segment {
	if n := len(*segs); n > 0 {
		s := (*segs)[n-1]
		isOpen := len(p.open) > 0 && p.open[len(p.open)-1] == s
		if s.End == at.index && isOpen == pending && (pending || s.Xorb == at.xorb) {
			return s
		}
	}
	s := &xet.Segment{Xorb: at.xorb, Start: at.index, End: at.index}
	*segs = append(*segs, s)
	if pending {
		p.open = append(p.open, s)
	}
	return s
}

// finish ends the xorb being packed.
func (p *packer) finish() {
	if p.w == nil {
		return
	}
	x, err := p.w.Finish()
	if err != nil {
		p.t.Fatal(err)
	}
	p.w = nil
	p.up.Xorbs = append(p.up.Xorbs, Xorb{x.Hash, p.body.Bytes(), x})
	info := xet.XorbInfo{Hash: x.Hash}
	for i, c := range x.Chunks {
		length := uint32(x.RawLen(i, i+1))
		info.Chunks = append(info.Chunks, xet.ShardChunk{Hash: c.Hash, Start: c.RawEnd - length, Length: length})
		p.c.places[c.Hash] = place{x.Hash, uint32(i)}
	}
	p.up.Shard.Xorbs = append(p.up.Shard.Xorbs, info)
	for _, s := range p.open {
		s.Xorb = x.Hash
	}
	p.open, p.pending = nil, map[xet.Hash]uint32{}
}

func (c *Client) find(t testing.TB, h xet.Hash, first bool) (place, bool) {
	if at, ok := c.places[h]; ok {
		return at, true
	}
	for _, k := range c.keyed {
		if at, ok := k.places[xet.KeyedChunkHash(k.key, h)]; ok {
			return at, true
		}
	}
	if c.Ask == nil || !first && !xet.GlobalDedupEligible(h) {
		return place{}, false
	}
	b := c.Ask(h)
	if b == nil {
		return place{}, false
	}
	k := ParseAnswer(t, b)
	c.keyed = append(c.keyed, k)
	at, ok := k.places[xet.KeyedChunkHash(k.key, h)]
	return at, ok
}

// ParseAnswer reads a keyed shard.
func ParseAnswer(t testing.TB, b []byte) keyedListing {
	t.Helper()
	s, err := xet.ParseShard(bytes.NewReader(b), xet.MaxShard)
	if err != nil {
		t.Fatalf("dedup answer: %v", err)
	}
	footer := b[len(b)-200:]
	k := keyedListing{key: [32]byte(footer[72:104]), places: map[xet.Hash]place{}}
	for _, x := range s.Xorbs {
		for i, c := range x.Chunks {
			k.places[c.Hash] = place{x.Hash, uint32(i)}
		}
	}
	return k
}

// Holds reports whether the listing has a chunk.
func (k keyedListing) Holds(h xet.Hash) bool {
	_, ok := k.places[xet.KeyedChunkHash(k.key, h)]
	return ok
}

// Chunks cuts data and returns the chunks' hashes.
func Chunks(t testing.TB, data []byte) (hashes []xet.Hash) {
	t.Helper()
	c := xet.NewChunker(bytes.NewReader(data))
	for {
		chunk, err := c.Next()
		if errors.Is(err, io.EOF) {
			return hashes
		}
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, xet.ChunkHash(chunk))
	}
}

// Random makes n incompressible bytes, the same for the same seed.
func Random(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seedOf(seed)).Read(b)
	return b
}

// Stream is Random without end: for bodies that do not fit into memory.
func Stream(seed uint64) io.Reader { return rand.NewChaCha8(seedOf(seed)) }

func seedOf(seed uint64) (s [32]byte) {
	binary.LittleEndian.PutUint64(s[:], seed)
	return s
}

// Floats makes n bytes that look like weights: BG4 makes them smaller.
func Floats(seed uint64, n int) []byte {
	b := Random(seed, n)
	for i := 3; i < n; i += 4 {
		b[i] = 0x3c + b[i]%4
	}
	return b
}

// Mixed makes bytes of every kind of compression.
func Mixed(seed uint64, n int) []byte {
	b := Random(seed, n)
	third := n / 3
	copy(b[third:], Floats(seed+1, third))
	for i := 2 * third; i < n; i++ {
		b[i] = byte(i/1000) + b[i]%3
	}
	return b
}
