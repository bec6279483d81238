package xet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
