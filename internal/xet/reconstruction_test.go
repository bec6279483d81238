package xet

import (
	"errors"
	"math"
	"testing"
)

func TestPlanLoadsOnlyTheWindow(t *testing.T) {
	var segments []Segment
	xs := map[Hash]*Index{}
	for i := range 1000 {
		x := &Index{Hash: Hash{byte(i), byte(i >> 8)}, Chunks: []ChunkInfo{{PhysEnd: 108, RawEnd: 100}}}
		xs[x.Hash] = x
		segments = append(segments, Segment{x.Hash, 100, 0, 1})
	}
	loaded := 0
	find := func(h Hash) (*Index, error) { loaded++; return xs[h], nil }
	p, err := Plan(segments, 100_000, 50_050, 50_250, find)
	if err != nil {
		t.Fatal(err)
	}
	if loaded != 3 || len(p.Terms) != 3 || p.OffsetIntoFirst != 50 {
		t.Errorf("%d indexes, %d terms, offset %d", loaded, len(p.Terms), p.OffsetIntoFirst)
	}
}

func TestPlanErrors(t *testing.T) {
	x := &Index{Hash: Hash{1}, Chunks: []ChunkInfo{{PhysEnd: 18, RawEnd: 10}}}
	find := indexFinder(x)
	good := []Segment{{x.Hash, 10, 0, 1}}
	if p, err := Plan(nil, 0, 0, math.MaxUint64, find); err != nil || len(p.Terms) != 0 {
		t.Errorf("empty file: %v, %v", p, err)
	}
	for _, c := range []struct {
		name           string
		segments       []Segment
		size, from, to uint64
		want           error
	}{
		{"at the end", good, 10, 10, 20, ErrRange},
		{"past the end", good, 10, math.MaxUint64 - 1, math.MaxUint64, ErrRange},
		{"nothing", good, 10, 5, 5, ErrRange},
		{"past an empty file", nil, 0, 1, 2, ErrRange},
		{"too few terms", good, 11, 0, 11, ErrCorrupt},
		{"chunk beyond the xorb", []Segment{{x.Hash, 10, 0, 2}}, 10, 0, 10, ErrCorrupt},
		{"chunk far beyond", []Segment{{x.Hash, 10, 0, math.MaxUint32}}, 10, 0, 10, ErrCorrupt},
		{"no chunks", []Segment{{x.Hash, 10, 1, 1}}, 10, 0, 10, ErrCorrupt},
		{"wrong length", []Segment{{x.Hash, 11, 0, 1}}, 11, 0, 10, ErrCorrupt},
		{"unknown xorb", []Segment{{Hash{9}, 10, 0, 1}}, 10, 0, 10, errUnknown},
	} {
		if _, err := Plan(c.segments, c.size, c.from, c.to, find); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestParseByteRange(t *testing.T) {
	for _, c := range []struct {
		header   string
		size     uint64
		from, to uint64
		err      error
	}{
		{"", 10, 0, 10, nil},
		{"bytes=0-9", 10, 0, 10, nil},
		{"bytes=3-3", 10, 3, 4, nil},
		{"bytes=3-18446744073709551614", 10, 3, 10, nil},
		{"bytes=3-18446744073709551615", math.MaxUint64, 3, math.MaxUint64, nil},
		{"bytes=3-", 10, 3, 10, nil},
		{"bytes=-4", 10, 6, 10, nil},
		{"bytes=-40", 10, 0, 10, nil},
		{"bytes=0-255999999", 0, 0, 0, nil},
		{"bytes=0-", 0, 0, 0, nil},
		{"bytes=10-", 10, 0, 0, ErrRange},
		{"bytes=256000000-767999999", 10, 0, 0, ErrRange},
		{"bytes=18446744073709551615-", 10, 0, 0, ErrRange},
		{"bytes=1-5", 0, 0, 0, ErrRange},
		{"bytes=-0", 10, 0, 0, ErrRange},
		{"bytes=5-4", 10, 0, 0, ErrFormat},
		{"bytes=18446744073709551616-", 10, 0, 0, ErrFormat},
		{"bytes=0-1,3-4", 10, 0, 0, ErrFormat},
		{"bytes=-", 10, 0, 0, ErrFormat},
		{"bytes=", 10, 0, 0, ErrFormat},
		{"bytes=+1-2", 10, 0, 0, ErrFormat},
		{"bytes=1_0-2_0", 100, 0, 0, ErrFormat},
		{"bits=0-1", 10, 0, 0, ErrFormat},
		{"0-1", 10, 0, 0, ErrFormat},
	} {
		from, to, err := ParseByteRange(c.header, c.size)
		if !errors.Is(err, c.err) || err == nil && (from != c.from || to != c.to) {
			t.Errorf("%q of %d: got %d, %d, %v", c.header, c.size, from, to, err)
		}
	}
}
