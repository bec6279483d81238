package xet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pierrec/lz4/v4"
)

func FuzzVerifyXorb(f *testing.F) {
	b := buildXorb(f, [][]byte{content(0, 300, 1), content(1, 600, 2), content(2, 700, 3)})
	f.Add(b.body)
	f.Add(append(bytes.Clone(b.body), footerMagic...))
	f.Add(putChunk(nil, frame(f, content(1, 500, 1), lz4.BlockChecksumOption(true)), SchemeLZ4, 500))
	f.Fuzz(func(t *testing.T, in []byte) {
		// The hash can only be guessed right by asking for it: chunk by chunk with DecodeChunk.
		want, ok := hashOfBody(in)
		var stored bytes.Buffer
		x, err := VerifyXorb(bytes.NewReader(in), &stored, want)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("blames the reader: %v", err)
			}
			return
		}
		if !ok || !bytes.HasPrefix(in, stored.Bytes()) || x.BodyLen() != int64(stored.Len()) {
			t.Fatal("accepted what DecodeChunk does not, or changed it")
		}
		again, n, err := ParseTrailer(x.AppendTrailer(stored.Bytes()))
		if err != nil || n != x.BodyLen() || cmp.Diff(x, again) != "" {
			t.Fatal("index does not survive its trailer", err)
		}
		raw, err := CopyRaw(io.Discard, &stored, x, 0, x.NumChunks(), 0, -1)
		if err != nil || uint64(raw) != x.RawLen(0, x.NumChunks()) {
			t.Fatal("accepted body does not read back", err)
		}
	})
}

func hashOfBody(b []byte) (Hash, bool) {
	var m Merkle
	for len(b) > 0 && !bytes.HasPrefix(b, []byte(footerMagic)) {
		raw, n, err := DecodeChunk(nil, b)
		if err != nil {
			return Hash{}, false
		}
		m.Add(Leaf{ChunkHash(raw), uint64(len(raw))})
		b = b[n:]
	}
	return m.XorbHash(), true
}

// FuzzLZ4 holds our frame decoder to the lz4 module's: what we accept, it decodes to the same bytes.
func FuzzLZ4(f *testing.F) {
	for kind := range 4 {
		f.Add(frame(f, content(kind, 500, 1), lz4.BlockChecksumOption(true)), 500)
		f.Add(frame(f, content(kind, 500, 1), lz4.SizeOption(500)), 500)
	}
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		if n < 1 || n > MaxChunk {
			return
		}
		got := make([]byte, n)
		if err := lz4Decode(got, in); err != nil {
			return
		}
		want, err := io.ReadAll(lz4.NewReader(bytes.NewReader(in)))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("decoders differ: %v", err)
		}
	})
}

func FuzzParseShard(f *testing.F) {
	s, b := sampleShard(f)
	f.Add(AppendShard(nil, s, false))
	f.Add(AppendShard(nil, s, true))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ParseShard(bytes.NewReader(in), 1<<20)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("blames the reader: %v", err)
			}
			return
		}
		again, err := ParseShard(bytes.NewReader(AppendShard(nil, got, true)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Files { // an empty list of verification is written as none
			if len(got.Files[i].Segments) == 0 {
				got.Files[i].Verification, again.Files[i].Verification = nil, nil
			}
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
		for i := range got.Files {
			_, _ = VerifyFile(&got.Files[i], indexFinder(b.index))
		}
	})
}

func FuzzParseTrailer(f *testing.F) {
	x := buildXorb(f, [][]byte{content(0, 300, 1), content(1, 600, 2)}).index
	f.Add(x.AppendTrailer(nil), false)
	f.Fuzz(func(t *testing.T, in []byte, fix bool) {
		if fix && len(in) >= trailerFoot { // else no mutation gets past the checksum
			end := len(in) - trailerFoot
			binary.LittleEndian.PutUint32(in[end:], crc32.Checksum(in[:end], castagnoli))
			binary.LittleEndian.PutUint32(in[end+4:], uint32(len(in)))
		}
		x, n, err := ParseTrailer(in)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if n != x.BodyLen() || !bytes.HasSuffix(in, x.AppendTrailer(nil)) {
			t.Fatal("does not encode to what it was")
		}
		_ = x.CheckHash()
	})
}

func FuzzChunker(f *testing.F) {
	f.Add([]byte("seed"), 300_000)
	f.Add([]byte{0}, 1_000_000)
	f.Fuzz(func(t *testing.T, pattern []byte, n int) {
		if len(pattern) == 0 || n < 0 || n > 2<<20 {
			return
		}
		data := bytes.Repeat(pattern, n/len(pattern)+1)[:n]
		c := NewChunker(bytes.NewReader(data))
		for {
			b, err := c.Next()
			if err == io.EOF {
				break
			}
			if err != nil || len(b) == 0 || len(b) > MaxChunk || len(b) < MinChunk && len(b) != len(data) || !bytes.HasPrefix(data, b) {
				t.Fatalf("chunk of %d bytes, %v", len(b), err)
			}
			data = data[len(b):]
		}
		if len(data) != 0 {
			t.Fatalf("%d bytes are missing", len(data))
		}
	})
}
