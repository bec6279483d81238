package xet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

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
			if n == len(enc)-shardFooterSize && footer {
				continue // TestShardFooterCutOff
			}
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

// hf_xet 1.1.10 and 1.2.0 announce a footer and send none.
func TestShardFooterCutOff(t *testing.T) {
	s, _ := sampleShard(t)
	enc := AppendShard(nil, s, true)
	got, err := ParseShard(bytes.NewReader(enc[:len(enc)-shardFooterSize]), MaxShard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Error(diff)
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
