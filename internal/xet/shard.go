package xet

import (
	"bufio"
	"encoding/binary"
	"io"
)

// MaxShard is the largest shard that clients send, in bytes.
const MaxShard = 64 << 20

// Shard is the metadata of an upload: how files are made of xorbs, and what the new xorbs are made of.
type Shard struct {
	Files []File
	Xorbs []XorbInfo
}

// File is a file as the sequence of its segments.
type File struct {
	Hash         Hash
	Segments     []Segment
	Verification []Hash    // RangeHash of each segment; nil if the shard has none
	SHA256       *[32]byte // as sha256sum prints it; a claim of the client until the bytes were hashed; nil if absent
}

// Size is the length of the file that its segments claim, in bytes.
func (f *File) Size() uint64 {
	var n uint64
	for i := range f.Segments {
		n += uint64(f.Segments[i].UnpackedBytes)
	}
	return n
}

// Segment is a piece of a file: the chunks [Start, End) of a xorb, UnpackedBytes long when uncompressed.
type Segment struct {
	Xorb          Hash
	UnpackedBytes uint32
	Start, End    uint32
}

// XorbInfo lists the chunks of a xorb that was made for the upload.
type XorbInfo struct {
	Hash   Hash
	Chunks []ShardChunk
}

// ShardChunk is one chunk of a XorbInfo.
type ShardChunk struct {
	Hash   Hash
	Start  uint32 // offset within the uncompressed xorb
	Length uint32 // uncompressed
	Flags  uint32 // [ChunkGlobalDedup]
}

// ChunkGlobalDedup is the flag by which a client asks that other uploads may find a chunk.
const ChunkGlobalDedup uint32 = 1 << 31

// The shard is made of 48-byte records: a header, file records up to a bookend, xorb records up to a bookend and, where the
// header announces it, lookup tables and a footer (Xet protocol specification, "Shard format").
const (
	shardRecord     = 48
	shardVersion    = 2
	shardFooterSize = 200
	footerVersion   = 1

	fileHasVerification uint32 = 1 << 31
	fileHasMetadata     uint32 = 1 << 30
)

var (
	shardTag = [32]byte{'H', 'F', 'R', 'e', 'p', 'o', 'M', 'e', 't', 'a', 'D', 'a', 't', 'a', 0,
		85, 105, 103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169}
	bookend = func() (b [shardRecord]byte) {
		for i := range HashSize {
			b[i] = 0xFF
		}
		return b
	}()
)

// ParseShard reads an uploaded shard of at most maxBytes, with or without footer. It checks the structure alone: that counts
// fit the bytes that follow, that sections end, that nothing comes after them; for the rest see [VerifyFile] and
// [VerifyXorbInfo]. Several entries for the empty file are kept as one. A malformed shard gives a [FormatError]; the reader's
// errors are passed on. Memory stays in proportion to the bytes read, whatever counts they claim.
func ParseShard(r io.Reader, maxBytes int64) (*Shard, error) {
	p := shardParser{r: bufio.NewReaderSize(r, 64<<10), left: maxBytes}
	footer, err := p.header()
	if err != nil {
		return nil, err
	}
	s := &Shard{}
	if err := p.files(s); err != nil {
		return nil, err
	}
	if err := p.xorbs(s); err != nil {
		return nil, err
	}
	if err := p.end(footer); err != nil {
		return nil, err
	}
	return s, nil
}

type shardParser struct {
	r    *bufio.Reader
	left int64 // bytes that may still come
	rec  [shardRecord]byte
}

// next reads a record into p.rec.
func (p *shardParser) next() error {
	if p.left < shardRecord {
		return formatErrorf("shard", "longer than allowed")
	}
	p.left -= shardRecord
	if _, err := io.ReadFull(p.r, p.rec[:]); err != nil {
		return readError("shard", err)
	}
	return nil
}

func (p *shardParser) hash() Hash         { return Hash(p.rec[:HashSize]) }
func (p *shardParser) u32(off int) uint32 { return binary.LittleEndian.Uint32(p.rec[off:]) }
func (p *shardParser) atBookend() bool    { return p.rec == bookend }
func (p *shardParser) fits(n uint64) error { // n more records and a bookend
	if n >= uint64(p.left)/shardRecord {
		return formatErrorf("shard", "count is larger than the shard")
	}
	return nil
}

// capacity is how many elements are reserved for a count that a client states: enough for most, little to lose on a lie.
func capacity(n uint32) int { return int(min(n, 1024)) }

func (p *shardParser) header() (hasFooter bool, err error) {
	if err := p.next(); err != nil {
		return false, err
	}
	version, footer := binary.LittleEndian.Uint64(p.rec[32:]), binary.LittleEndian.Uint64(p.rec[40:])
	if [32]byte(p.rec[:32]) != shardTag || version != shardVersion {
		return false, formatErrorf("shard", "not a shard of version %d", shardVersion)
	}
	if footer != 0 && footer != shardFooterSize {
		return false, formatErrorf("shard", "footer of %d bytes", footer)
	}
	return footer != 0, nil
}

func (p *shardParser) files(s *Shard) error {
	hasEmpty := false
	for {
		if err := p.next(); err != nil {
			return err
		}
		if p.atBookend() {
			return nil
		}
		f, err := p.file()
		if err != nil {
			return err
		}
		if len(f.Segments) == 0 {
			if hasEmpty {
				continue
			}
			hasEmpty = true
		}
		s.Files = append(s.Files, f)
	}
}

// file reads the records of the file whose header is in p.rec.
func (p *shardParser) file() (File, error) {
	f := File{Hash: p.hash()}
	flags, n := p.u32(32), p.u32(36)
	records := uint64(n)
	if flags&fileHasVerification != 0 {
		records += uint64(n)
	}
	if flags&fileHasMetadata != 0 {
		records++
	}
	if err := p.fits(records); err != nil {
		return f, err
	}
	if n == 0 && !f.Hash.IsZero() {
		return f, formatErrorf("shard", "file without segments")
	}
	f.Segments = make([]Segment, 0, capacity(n))
	for range n {
		if err := p.next(); err != nil {
			return f, err
		}
		f.Segments = append(f.Segments, Segment{Xorb: p.hash(), UnpackedBytes: p.u32(36), Start: p.u32(40), End: p.u32(44)})
	}
	if flags&fileHasVerification != 0 {
		if err := p.verification(&f, n); err != nil {
			return f, err
		}
	}
	if flags&fileHasMetadata != 0 {
		if err := p.next(); err != nil {
			return f, err
		}
		sum := p.hash().SHA256()
		f.SHA256 = &sum
	}
	return f, nil
}

func (p *shardParser) verification(f *File, n uint32) error {
	f.Verification = make([]Hash, 0, capacity(n))
	for range n {
		if err := p.next(); err != nil {
			return err
		}
		f.Verification = append(f.Verification, p.hash())
	}
	return nil
}

func (p *shardParser) xorbs(s *Shard) error {
	for {
		if err := p.next(); err != nil {
			return err
		}
		if p.atBookend() {
			return nil
		}
		x, err := p.xorb()
		if err != nil {
			return err
		}
		s.Xorbs = append(s.Xorbs, x)
	}
}

// xorb reads the chunks of the xorb whose header is in p.rec. The header's totals are not read: some clients leave them 0.
func (p *shardParser) xorb() (XorbInfo, error) {
	x := XorbInfo{Hash: p.hash()}
	n := p.u32(36)
	if n == 0 || n > MaxXorbChunks {
		return x, formatErrorf("shard", "xorb of %d chunks", n)
	}
	if err := p.fits(uint64(n)); err != nil {
		return x, err
	}
	x.Chunks = make([]ShardChunk, 0, capacity(n))
	for range n {
		if err := p.next(); err != nil {
			return x, err
		}
		x.Chunks = append(x.Chunks, ShardChunk{Hash: p.hash(), Start: p.u32(32), Length: p.u32(36), Flags: p.u32(40)})
	}
	return x, nil
}

// end reads what follows the sections. Lookup tables and the footer's offsets only serve those who seek in a shard file; they
// are skipped, whatever they hold. hf_xet 1.1.6 to 1.2 cuts the footer off and leaves it in the header: nothing at all may
// follow then, and nothing is missing, because both sections have ended.
func (p *shardParser) end(hasFooter bool) error {
	var tail []byte // the last shardFooterSize bytes
	buf := make([]byte, 4<<10)
	for {
		n, err := p.r.Read(buf)
		if p.left -= int64(n); p.left < 0 {
			return formatErrorf("shard", "longer than allowed")
		}
		tail = append(tail, buf[:n]...)
		if extra := len(tail) - shardFooterSize; extra > 0 {
			tail = tail[:copy(tail, tail[extra:])]
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return readError("shard", err)
		}
	}
	switch {
	case !hasFooter && len(tail) > 0:
		return formatErrorf("shard", "bytes after the last section")
	case len(tail) == 0:
	case len(tail) < shardFooterSize:
		return formatErrorf("shard", "truncated")
	case binary.LittleEndian.Uint64(tail) != footerVersion:
		return formatErrorf("shard", "unknown footer version")
	}
	return nil
}
