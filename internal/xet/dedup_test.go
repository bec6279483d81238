package xet

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

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
