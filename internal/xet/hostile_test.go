package xet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pierrec/lz4/v4"
)

func verifyBytes(b []byte, want Hash) (*Index, error) {
	return VerifyXorb(bytes.NewReader(b), io.Discard, want)
}

// frame compresses with the lz4 module's own writer.
func frame(t testing.TB, raw []byte, options ...lz4.Option) []byte {
	t.Helper()
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	if err := w.Apply(append(options, lz4.ConcurrencyOption(1))...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnyLegalFrame(t *testing.T) {
	for kind := range 4 {
		for _, n := range []int{1, 15, 4096, 65536, 65537, MaxChunk} {
			raw := content(kind, n, 5)
			for name, options := range map[string][]lz4.Option{
				"plain":        {lz4.ChecksumOption(false)},
				"checksum":     {lz4.ChecksumOption(true)},
				"block sums":   {lz4.BlockChecksumOption(true), lz4.BlockSizeOption(lz4.Block64Kb)},
				"content size": {lz4.SizeOption(uint64(n))},
				"all":          {lz4.BlockChecksumOption(true), lz4.SizeOption(uint64(n)), lz4.BlockSizeOption(lz4.Block256Kb)},
			} {
				h := ChunkHash(raw)
				if _, err := verifyBytes(putChunk(nil, frame(t, raw, options...), SchemeLZ4, n), h); err != nil {
					t.Errorf("%s, kind %d, %d bytes: %v", name, kind, n, err)
				}
			}
		}
	}
}

// TestFramesReadElsewhere holds our encoder to the lz4 module's reader.
func TestFramesReadElsewhere(t *testing.T) {
	var c lz4.Compressor
	for _, n := range []int{1000, 5000, 65537, MaxChunk} {
		raw := content(1, n, 3)
		dst := make([]byte, n)
		got, err := io.ReadAll(lz4.NewReader(bytes.NewReader(dst[:lz4Encode(&c, dst, raw)])))
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestLinkedBlocks decodes a block that refers to the one before it: a match of 8 bytes, 8 back, then 5 literals.
func TestLinkedBlocks(t *testing.T) {
	f := []byte{0x04, 0x22, 0x4D, 0x18, lz4FlagVersion, 4 << 4}
	f = append(f, byte(xxh32(f[4:])>>8))
	f = binary.LittleEndian.AppendUint32(f, 8|lz4Stored)
	f = append(f, "abcdefgh"...)
	block := append([]byte{0x04, 8, 0, 0x50}, "12345"...)
	f = binary.LittleEndian.AppendUint32(f, uint32(len(block)))
	f = append(append(f, block...), 0, 0, 0, 0)
	const raw = "abcdefghabcdefgh12345"
	if _, err := verifyBytes(putChunk(nil, f, SchemeLZ4, len(raw)), ChunkHash([]byte(raw))); err != nil {
		t.Error(err)
	}
	f[4] |= lz4FlagIndependent // the same frame may not refer back if it says that it does not
	f[6] = byte(xxh32(f[4:6]) >> 8)
	if _, err := verifyBytes(putChunk(nil, f, SchemeLZ4, len(raw)), ChunkHash([]byte(raw))); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
}

func TestXXH32(t *testing.T) {
	// Sums that xxhsum and Python's xxhash print for seed 0.
	for s, want := range map[string]uint32{"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff} {
		if got := xxh32([]byte(s)); got != want {
			t.Errorf("%q: %08x", s, got)
		}
	}
}

func TestVerifyXorbRefuses(t *testing.T) {
	raw := content(1, 30_000, 1)
	h := ChunkHash(raw)
	good := frame(t, raw, lz4.ChecksumOption(true))
	plain := putChunk(nil, raw, SchemeNone, len(raw))
	edit := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	sized := frame(t, raw, lz4.SizeOption(uint64(len(raw))))
	sized[11] = 1 // a content size of more than 2^40
	sized[14] = byte(xxh32(sized[4:14]) >> 8)
	for name, b := range map[string][]byte{
		"empty":                 nil,
		"footer alone":          []byte("XETBLOB\x01"),
		"version":               edit(plain, 0, 1),
		"scheme 3":              edit(plain, 4, 3),
		"auto scheme":           edit(plain, 4, 99),
		"raw length 0":          putChunk(nil, raw, SchemeNone, 0),
		"raw length over max":   putChunk(nil, good, SchemeLZ4, MaxChunk+1),
		"payload over max":      putChunk(nil, make([]byte, MaxPayload+1), SchemeLZ4, len(raw)),
		"payload empty":         putChunk(nil, nil, SchemeLZ4, len(raw)),
		"none, other length":    putChunk(nil, raw, SchemeNone, len(raw)-1),
		"frame too short":       putChunk(nil, good, SchemeLZ4, len(raw)+1),
		"frame too long":        putChunk(nil, good, SchemeLZ4, len(raw)-1),
		"trailing byte":         putChunk(nil, append(bytes.Clone(good), 0), SchemeLZ4, len(raw)),
		"second frame":          putChunk(nil, append(bytes.Clone(good), good...), SchemeLZ4, len(raw)),
		"checksum":              putChunk(nil, edit(good, len(good)-1, good[len(good)-1]+1), SchemeLZ4, len(raw)),
		"header checksum":       putChunk(nil, edit(good, 6, good[6]+1), SchemeLZ4, len(raw)),
		"content size lie":      putChunk(nil, sized, SchemeLZ4, len(raw)),
		"bare block":            putChunk(nil, good[11:], SchemeLZ4, len(raw)),
		"other scheme":          putChunk(nil, good, SchemeBG4, len(raw)),
		"garbage after chunks":  append(bytes.Clone(plain), 1, 2, 3),
		"garbage header":        append(bytes.Clone(plain), bytes.Repeat([]byte{0xEE}, 100)...),
		"other content":         edit(plain, 100, plain[100]+1),
		"twice the chunk":       append(bytes.Clone(plain), plain...),
		"footer without end":    append(append(bytes.Clone(plain), footerMagic...), make([]byte, maxFooter+100)...),
		"too many chunks":       bytes.Repeat([]byte{0, 1, 0, 0, 0, 1, 0, 0, 'x'}, MaxXorbChunks+1),
		"dictionary":            putChunk(nil, edit(good, 4, good[4]|lz4FlagDictionary), SchemeLZ4, len(raw)),
		"block larger than max": putChunk(nil, edit(good, 9, 0x7F), SchemeLZ4, len(raw)),
	} {
		if _, err := verifyBytes(b, h); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestVerifyXorbBodyLimit(t *testing.T) {
	chunk := putChunk(nil, make([]byte, MaxChunk), SchemeNone, MaxChunk)
	r := &endless{pattern: chunk}
	var n countWriter
	if _, err := VerifyXorb(r, &n, Hash{}); !errors.Is(err, ErrFormat) || n > MaxXorbBody || n < MaxXorbBody-MaxChunk-8 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type endless struct {
	pattern []byte
	at      int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.pattern[e.at:])
	e.at = (e.at + n) % len(e.pattern)
	return n, nil
}

type countWriter int64

func (c *countWriter) Write(b []byte) (int, error) {
	*c += countWriter(len(b))
	return len(b), nil
}

func TestVerifyXorbTruncatedAnywhere(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(1, 600, 2), content(3, 500, 3)})
	for n := range b.body {
		if _, err := verifyBytes(b.body[:n], b.index.Hash); !errors.Is(err, ErrFormat) {
			t.Fatalf("%d of %d bytes: %v", n, len(b.body), err)
		}
	}
}

func TestVerifyXorbFooter(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(1, 600, 2)})
	for _, footer := range []string{footerMagic, footerMagic + "\x01", footerMagic + "\x01" + string(make([]byte, 500))} {
		var stored bytes.Buffer
		r := bytes.NewReader(append(bytes.Clone(b.body), footer...))
		x, err := VerifyXorb(r, &stored, b.index.Hash)
		if err != nil || r.Len() != 0 || !bytes.Equal(stored.Bytes(), b.body) || cmp.Diff(x, b.index) != "" {
			t.Errorf("%d bytes of footer: %v", len(footer), err)
		}
	}
}

func TestVerifyXorbPassesIOErrors(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1)})
	broken := errors.New("broken")
	for n := range b.body {
		r := io.MultiReader(bytes.NewReader(b.body[:n]), iotest.ErrReader(broken))
		if _, err := VerifyXorb(r, io.Discard, b.index.Hash); !errors.Is(err, broken) || errors.Is(err, ErrFormat) {
			t.Fatalf("reader fails after %d bytes: %v", n, err)
		}
	}
	_, w := io.Pipe()
	_ = w.CloseWithError(broken)
	pr, pw := io.Pipe()
	_ = pr.CloseWithError(broken)
	if _, err := VerifyXorb(bytes.NewReader(b.body), pw, b.index.Hash); !errors.Is(err, broken) || errors.Is(err, ErrFormat) {
		t.Errorf("writer fails: %v", err)
	}
}

// TestVerifyXorbMemory feeds the largest bomb that the limits let through: 8192 chunks of 128 KiB zeros.
func TestVerifyXorbMemory(t *testing.T) {
	one := putChunk(nil, frame(t, make([]byte, MaxChunk), lz4.ChecksumOption(false)), SchemeLZ4, MaxChunk)
	leaf := Leaf{ChunkHash(make([]byte, MaxChunk)), MaxChunk}
	var tree Merkle
	for range MaxXorbChunks {
		tree.Add(leaf)
	}
	body := bytes.Repeat(one, MaxXorbChunks)
	chunkBuffers.Put(new(chunkBuffer))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x, err := verifyBytes(body, tree.XorbHash())
	runtime.ReadMemStats(&after)
	if err != nil || x.RawLen(0, MaxXorbChunks) != 1<<30 {
		t.Fatal(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 { // all that append ever took for the index, and the buffers
		t.Errorf("took %d bytes", n)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	chunk := content(0, 60_000, 1)
	stored := putChunk(nil, chunk, SchemeNone, len(chunk))
	dst := make([]byte, 0, MaxChunk)
	hs := []Hash{ChunkHash(chunk), ChunkHash(chunk)}
	children := []Leaf{{hs[0], 1}, {hs[1], 1}}
	for name, f := range map[string]func(){
		"ChunkHash":   func() { ChunkHash(chunk) },
		"RangeHash":   func() { RangeHash(hs) },
		"node":        func() { hashNode(children) },
		"DecodeChunk": func() { _, _, _ = DecodeChunk(dst, stored) },
	} {
		if n := testing.AllocsPerRun(100, f); n >= 1 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestXorbWriterLimits(t *testing.T) {
	w := NewXorbWriter(io.Discard)
	chunk := make([]byte, MaxChunk)
	h := ChunkHash(chunk)
	for range MaxXorbRaw / MaxChunk {
		if _, full := w.Add(chunk, h); full {
			t.Fatal("full too early")
		}
	}
	if _, full := w.Add(chunk[:1], h); !full {
		t.Error("not full at 64 MiB")
	}
	x, err := w.Finish()
	if err != nil || x.NumChunks() != MaxXorbRaw/MaxChunk {
		t.Error(err)
	}
	w = NewXorbWriter(io.Discard)
	for range MaxXorbChunks {
		w.Add(chunk[:1], h)
	}
	if _, full := w.Add(chunk[:1], h); !full {
		t.Error("not full at 8192 chunks")
	}
	if _, err := NewXorbWriter(io.Discard).Finish(); err == nil {
		t.Error("empty xorb")
	}
	w = NewXorbWriter(io.Discard)
	w.Add(nil, h)
	if _, err := w.Finish(); err == nil {
		t.Error("empty chunk")
	}
}

func TestTrailer(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(1, 600, 2), content(2, 40_000, 2)})
	blob := b.index.AppendTrailer(bytes.Clone(b.body))
	x, n, err := ParseTrailer(blob)
	if err != nil || n != int64(len(b.body)) || cmp.Diff(x, b.index) != "" {
		t.Fatal(n, err)
	}
	if err := x.CheckHash(); err != nil {
		t.Error(err)
	}
	length, err := TrailerLen(blob[len(blob)-TrailerLenSize:])
	if err != nil || length != len(blob)-len(b.body) {
		t.Error(length, err)
	}
	trailer := blob[n:]
	for i := range trailer {
		bad := bytes.Clone(trailer)
		bad[i] ^= 0x10
		if _, _, err := ParseTrailer(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flip at %d: %v", i, err)
		}
		if _, _, err := ParseTrailer(trailer[i+1:]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("without the first %d bytes: %v", i+1, err)
		}
	}
}

// TestTrailerLies has right checksums over wrong claims.
func TestTrailerLies(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(0, 600, 2)})
	good := b.index.AppendTrailer(nil)
	for name, edit := range map[string]func([]byte){
		"version":      func(b []byte) { b[8] = 2 },
		"count":        func(b []byte) { b[12] = 3 },
		"body length":  func(b []byte) { b[48]++ },
		"descending":   func(b []byte) { copy(b[trailerHead+trailerEntry+32:], []byte{1, 0, 0, 0, 1, 0, 0, 0}) },
		"scheme":       func(b []byte) { b[trailerHead+35] |= 0xC0 },
		"long chunk":   func(b []byte) { b[trailerHead+trailerEntry+38] = 0xFF },
		"zero lengths": func(b []byte) { copy(b[trailerHead+32:], make([]byte, 8)) },
	} {
		bad := bytes.Clone(good)
		edit(bad)
		end := len(bad) - trailerFoot
		binary.LittleEndian.PutUint32(bad[end:], crc32.Checksum(bad[:end], castagnoli))
		if _, _, err := ParseTrailer(bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(1, 600, 2), content(2, 700, 3)})
	for i := range b.body {
		bad := bytes.Clone(b.body)
		bad[i] ^= 1
		var out bytes.Buffer
		if _, err := CopyRaw(&out, bytes.NewReader(bad), b.index, 0, 3, 0, -1); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flip at %d: %v", i, err)
		}
		if !bytes.HasPrefix(b.raw, out.Bytes()) {
			t.Fatalf("bit flip at %d: wrong bytes were given out", i)
		}
		if _, err := CopyStored(io.Discard, bytes.NewReader(bad), b.index, 0, 3); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flip at %d, stored: %v", i, err)
		}
		if _, err := CopyRaw(io.Discard, bytes.NewReader(b.body[:i]), b.index, 0, 3, 0, -1); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	var out bytes.Buffer
	if n, err := CopyStored(&out, bytes.NewReader(b.body), b.index, 0, 3); err != nil || n != int64(len(b.body)) || !bytes.Equal(out.Bytes(), b.body) {
		t.Error(n, err)
	}
}

// sampleShard has two files over one xorb.
func sampleShard(t testing.TB) (*Shard, built) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(1, 600, 2), content(2, 700, 3)})
	x := b.index
	s := &Shard{Xorbs: []XorbInfo{{Hash: x.Hash}}}
	for i := range x.Chunks {
		s.Xorbs[0].Chunks = append(s.Xorbs[0].Chunks, ShardChunk{x.Chunks[i].Hash, uint32(x.rawEnd(i)), uint32(x.RawLen(i, i+1)), ChunkGlobalDedup})
	}
	for _, cuts := range [][]int{{0, 3}, {1, 2, 3}} {
		var f File
		var leaves []Leaf
		for i := 1; i < len(cuts); i++ {
			start, end := cuts[i-1], cuts[i]
			f.Segments = append(f.Segments, Segment{x.Hash, uint32(x.RawLen(start, end)), uint32(start), uint32(end)})
			f.Verification = append(f.Verification, x.RangeHash(start, end))
			for j := start; j < end; j++ {
				leaves = append(leaves, Leaf{x.Chunks[j].Hash, x.RawLen(j, j+1)})
			}
		}
		f.Hash = FileHash(leaves)
		f.SHA256 = &[32]byte{byte(len(cuts))}
		s.Files = append(s.Files, f)
	}
	return s, b
}

func TestShardRoundTrip(t *testing.T) {
	s, b := sampleShard(t)
	s.Files = append(s.Files, File{Segments: []Segment{}}) // the empty file
	for _, footer := range []bool{false, true} {
		enc := AppendShard(nil, s, footer)
		got, err := ParseShard(bytes.NewReader(enc), int64(len(enc)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Error(diff)
		}
		for n := range enc {
			if _, err := ParseShard(bytes.NewReader(enc[:n]), MaxShard); !errors.Is(err, ErrFormat) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if _, err := ParseShard(bytes.NewReader(enc), int64(n)); !errors.Is(err, ErrFormat) {
				t.Fatalf("limit %d: %v", n, err)
			}
		}
	}
	for i := range s.Files {
		if _, err := VerifyFile(&s.Files[i], indexFinder(b.index)); err != nil {
			t.Error(err)
		}
	}
	if err := VerifyXorbInfo(&s.Xorbs[0], b.index); err != nil {
		t.Error(err)
	}
}

func TestVerifyFileRefuses(t *testing.T) {
	for name, edit := range map[string]func(*File){
		"no verification":       func(f *File) { f.Verification = nil },
		"short verification":    func(f *File) { f.Verification = f.Verification[:1] },
		"wrong verification":    func(f *File) { f.Verification[1][3]++ },
		"no segments":           func(f *File) { f.Segments = nil },
		"empty range":           func(f *File) { f.Segments[0].End = f.Segments[0].Start },
		"inverted range":        func(f *File) { f.Segments[0].Start = 9 },
		"beyond the xorb":       func(f *File) { f.Segments[1].End = 4 },
		"far beyond":            func(f *File) { f.Segments[1].End = 1<<32 - 1 },
		"length":                func(f *File) { f.Segments[0].UnpackedBytes++ },
		"hash":                  func(f *File) { f.Hash[0]++ },
		"zero hash with chunks": func(f *File) { f.Hash = Hash{} },
		"order":                 func(f *File) { f.Segments[0], f.Segments[1] = f.Segments[1], f.Segments[0] },
	} {
		s, b := sampleShard(t)
		edit(&s.Files[1])
		if _, err := VerifyFile(&s.Files[1], indexFinder(b.index)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, _ := sampleShard(t)
	if _, err := VerifyFile(&s.Files[1], indexFinder()); !errors.Is(err, errUnknown) || errors.Is(err, ErrFormat) {
		t.Errorf("unknown xorb: %v", err)
	}
}

func TestVerifyXorbInfoRefuses(t *testing.T) {
	for name, edit := range map[string]func(*XorbInfo){
		"hash":       func(x *XorbInfo) { x.Hash[0]++ },
		"count":      func(x *XorbInfo) { x.Chunks = x.Chunks[:2] },
		"chunk hash": func(x *XorbInfo) { x.Chunks[1].Hash[0]++ },
		"length":     func(x *XorbInfo) { x.Chunks[1].Length++ },
		"offset":     func(x *XorbInfo) { x.Chunks[1].Start++ },
	} {
		s, b := sampleShard(t)
		edit(&s.Xorbs[0])
		if err := VerifyXorbInfo(&s.Xorbs[0], b.index); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseShardRefuses(t *testing.T) {
	s, _ := sampleShard(t)
	good := AppendShard(nil, s, false)
	for name, edit := range map[string]func([]byte) []byte{
		"tag":             func(b []byte) []byte { b[0]++; return b },
		"version":         func(b []byte) []byte { b[32] = 3; return b },
		"footer size":     func(b []byte) []byte { b[40] = 199; return b },
		"count 2^32-1":    func(b []byte) []byte { binary.LittleEndian.PutUint32(b[48+36:], 1<<32-1); return b },
		"count 0":         func(b []byte) []byte { binary.LittleEndian.PutUint32(b[48+36:], 0); return b },
		"after the end":   func(b []byte) []byte { return append(b, 0) },
		"footer expected": func(b []byte) []byte { b[40] = 200; return append(b, 1) },
		"footer version":  func(b []byte) []byte { b[40] = 200; return append(b, make([]byte, 200)...) },
	} {
		if _, err := ParseShard(bytes.NewReader(edit(bytes.Clone(good))), MaxShard); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	r := io.MultiReader(bytes.NewReader(good[:200]), iotest.ErrReader(broken))
	if _, err := ParseShard(r, MaxShard); !errors.Is(err, broken) || errors.Is(err, ErrFormat) {
		t.Errorf("reader fails: %v", err)
	}
}

func TestShardCountsDoNotAllocate(t *testing.T) {
	var w shardWriter
	w.header(false)
	w.record(Hash{1}, fileHasVerification, MaxShard/shardRecord/3)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ParseShard(bytes.NewReader(w.b), MaxShard)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 512<<10 {
		t.Errorf("took %d bytes", n)
	}
}

func TestDedupShard(t *testing.T) {
	queried := buildXorb(t, [][]byte{content(0, 300, 1)}).index
	single := buildXorb(t, [][]byte{content(0, 300, 2)}).index
	many := buildXorb(t, [][]byte{content(0, 300, 3), content(0, 400, 4)}).index
	key := [32]byte{1, 2, 3}
	now := time.Unix(1_700_000_000, 0)
	b := BuildDedupShard(key, now, now.Add(7*24*time.Hour), []*Index{queried, single, many})
	s, err := ParseShard(bytes.NewReader(b), MaxShard)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Files) != 0 || len(s.Xorbs) != 2 || s.Xorbs[0].Hash != queried.Hash || s.Xorbs[1].Hash != many.Hash {
		t.Fatalf("%d files, %d xorbs", len(s.Files), len(s.Xorbs))
	}
	for i, c := range s.Xorbs[1].Chunks {
		if c.Hash != KeyedChunkHash(key, many.Chunks[i].Hash) || c.Flags != 0 || uint64(c.Start) != many.rawEnd(i) {
			t.Errorf("chunk %d: %+v", i, c)
		}
	}
	if want := 48 + 48 + 48*(2+3) + 48 + 200; len(b) != want {
		t.Errorf("%d bytes, want %d", len(b), want)
	}
	le, f := binary.LittleEndian, b[len(b)-200:]
	at := uint64(len(b) - 200)
	for off, want := range map[int]uint64{0: 1, 8: 48, 16: 96, 24: at, 32: 0, 40: at, 48: 0, 56: at, 64: 0, 104: 1_700_000_000, 112: 1_700_604_800, 168: 0, 192: at} {
		if got := le.Uint64(f[off:]); got != want {
			t.Errorf("footer at %d: %d, want %d", off, got, want)
		}
	}
	if [32]byte(f[72:104]) != key {
		t.Error("key")
	}
}
