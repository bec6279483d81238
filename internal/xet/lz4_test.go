package xet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/pierrec/lz4/v4"
)

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
