package xet

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/pierrec/lz4/v4"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

func verifyBytes(b []byte, want Hash) (*Index, error) {
	return VerifyXorb(bytes.NewReader(b), io.Discard, want)
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
	program.Cost(t)
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
