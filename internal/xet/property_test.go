package xet

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	lb3 "lukechampine.com/blake3"
	"pgregory.net/rapid"
)

// naiveXorbHash aggregates level by level, as the specification words it.
func naiveXorbHash(level []Leaf) Hash {
	if len(level) == 0 {
		return Hash{}
	}
	for len(level) > 1 {
		var up []Leaf
		for len(level) > 0 {
			n := min(len(level), maxChildren)
			for i := 2; i < n; i++ {
				if level[i].Hash.LastU64()%branching == 0 {
					n = i + 1
				}
			}
			up = append(up, hashNode(level[:n]))
			level = level[n:]
		}
		level = up
	}
	return level[0].Hash
}

func TestMerkleMatchesNaive(t *testing.T) {
	for n := range 400 {
		var leaves []Leaf
		for i := range n {
			leaves = append(leaves, Leaf{ChunkHash([]byte{byte(n), byte(i), byte(i >> 8)}), uint64(i)})
		}
		if XorbHash(leaves) != naiveXorbHash(leaves) {
			t.Fatalf("%d leaves", n)
		}
	}
}

func TestMerkleGrowsAfterRoot(t *testing.T) {
	var m Merkle
	var leaves []Leaf
	for i := range 100 {
		leaves = append(leaves, Leaf{ChunkHash([]byte{byte(i)}), 1})
		m.Add(leaves[i])
		if m.XorbHash() != XorbHash(leaves) || m.FileHash() != FileHash(leaves) {
			t.Fatalf("after %d leaves", i+1)
		}
	}
}

func TestKeyedBlake3MatchesOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := content(0, rapid.IntRange(0, 200_000).Draw(t, "n"), 1)
		key := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		sum := func(key [32]byte, b []byte) Hash {
			h := lb3.New(32, key[:])
			_, _ = h.Write(b)
			return Hash(h.Sum(nil))
		}
		h := ChunkHash(data)
		if h != sum(dataKey, data) {
			t.Fatal("chunk hash")
		}
		if KeyedChunkHash(key, h) != sum(key, h[:]) {
			t.Fatal("keyed chunk hash")
		}
		if RangeHash([]Hash{h, h}) != sum(rangeKey, append(h[:], h[:]...)) {
			t.Fatal("range hash")
		}
	})
}

func TestHashTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "h"))
		if got, err := ParseHash(h.String()); err != nil || got != h {
			t.Fatal(got, err)
		}
	})
}

// TestChunkerSkipIsExact compares with a chunker that hashes every byte and does not know about buffers.
func TestChunkerSkipIsExact(t *testing.T) {
	naive := func(data []byte) (ends []int) {
		start, h := 0, uint64(0)
		for i, b := range data {
			h = h<<1 + gear[b]
			if n := i - start + 1; n == MaxChunk || n >= MinChunk && h>>48 == 0 {
				ends, start, h = append(ends, i+1), i+1, 0
			}
		}
		if start < len(data) {
			ends = append(ends, len(data))
		}
		return ends
	}
	rapid.Check(t, func(t *rapid.T) {
		data := content(rapid.IntRange(0, 3).Draw(t, "kind"), rapid.IntRange(0, 900_000).Draw(t, "n"), rapid.Uint64().Draw(t, "seed"))
		var r io.Reader = bytes.NewReader(data)
		switch rapid.IntRange(0, 2).Draw(t, "reader") {
		case 1:
			r = iotest.HalfReader(r)
		case 2:
			r = iotest.DataErrReader(r)
		}
		c := NewChunker(r)
		var ends []int
		end := 0
		for {
			b, err := c.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, data[end:end+len(b)]) {
				t.Fatal("chunk is not what lies there")
			}
			end += len(b)
			ends = append(ends, end)
		}
		if diff := cmp.Diff(naive(data), ends); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestChunkerPassesReadErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	c := NewChunker(io.MultiReader(bytes.NewReader(make([]byte, 1000)), iotest.ErrReader(broken)))
	if _, err := c.Next(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestBG4RoundTrip(t *testing.T) {
	for n := range 200 {
		src := content(0, n, uint64(n))
		grouped, back := make([]byte, n), make([]byte, n)
		bg4Group(grouped, src)
		var want []byte
		for g := range 4 {
			for i := g; i < n; i += 4 {
				want = append(want, src[i])
			}
		}
		if !bytes.Equal(grouped, want) {
			t.Fatalf("n=%d: grouping", n)
		}
		if bg4Ungroup(back, grouped); !bytes.Equal(back, src) {
			t.Fatalf("n=%d: ungrouping", n)
		}
	}
}

func TestCompressionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := new(compressor)
		for range rapid.IntRange(1, 3).Draw(t, "chunks") {
			chunk := content(rapid.IntRange(0, 3).Draw(t, "kind"), rapid.IntRange(1, MaxChunk).Draw(t, "n"), rapid.Uint64().Draw(t, "seed"))
			payload, scheme := c.compress(chunk)
			if scheme != SchemeNone && len(payload) >= len(chunk) {
				t.Fatal("compression made it longer")
			}
			out, n, err := DecodeChunk([]byte("head"), putChunk(nil, payload, scheme, len(chunk)))
			if err != nil || n != chunkHeaderSize+len(payload) || !bytes.Equal(out, append([]byte("head"), chunk...)) {
				t.Fatalf("scheme %d: %d bytes, %v", scheme, n, err)
			}
		}
	})
}

func TestCompressionChoosesScheme(t *testing.T) {
	for kind, want := range []Scheme{SchemeNone, SchemeLZ4, SchemeBG4, SchemeLZ4} {
		x := buildXorb(t, [][]byte{content(kind, 60_000, 1), content(kind, 60_000, 2)}).index
		if x.Chunks[0].Scheme != want || x.Chunks[1].Scheme != want {
			t.Errorf("kind %d: schemes %d, %d; want %d", kind, x.Chunks[0].Scheme, x.Chunks[1].Scheme, want)
		}
	}
}

// TestWholeWay takes a file through chunks, xorbs, verification, a shard and back by any range.
func TestWholeWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			part := content(rapid.IntRange(0, 3).Draw(t, "kind"), rapid.IntRange(1, 400_000).Draw(t, "n"), rapid.Uint64().Draw(t, "seed"))
			data = append(data, part...)
		}
		f, bodies, find := ingest(t, data, rapid.IntRange(1, 5).Draw(t, "per xorb"))
		size, err := VerifyFile(f, find)
		if err != nil || size != uint64(len(data)) {
			t.Fatal(size, err)
		}
		segments, err := DecodeTerms(EncodeTerms(f.Segments))
		if err != nil || cmp.Diff(segments, f.Segments) != "" {
			t.Fatal("terms", err)
		}
		for range 5 {
			from := rapid.Uint64Range(0, size-1).Draw(t, "from")
			to := rapid.Uint64Range(from+1, size+10).Draw(t, "to")
			got := reconstruct(t, segments, size, from, to, bodies, find)
			if !bytes.Equal(got, data[from:min(to, size)]) {
				t.Fatalf("[%d,%d) differs", from, to)
			}
		}
	})
}

// ingest stores data in xorbs of a few chunks each and returns the file with the verified bodies.
func ingest(t *rapid.T, data []byte, perXorb int) (*File, map[Hash][]byte, func(Hash) (*Index, error)) {
	f, tree := &File{}, Merkle{}
	bodies := map[Hash][]byte{}
	var indexes []*Index
	var up bytes.Buffer
	w := NewXorbWriter(&up)
	flush := func() {
		made, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		var stored bytes.Buffer
		x, err := VerifyXorb(&up, &stored, made.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(made, x); diff != "" {
			t.Fatal(diff)
		}
		n := x.NumChunks()
		bodies[x.Hash] = stored.Bytes()
		indexes = append(indexes, x)
		f.Segments = append(f.Segments, Segment{x.Hash, uint32(x.RawLen(0, n)), 0, uint32(n)})
		f.Verification = append(f.Verification, x.RangeHash(0, n))
		up.Reset()
		w = NewXorbWriter(&up)
	}
	c := NewChunker(bytes.NewReader(data))
	for {
		b, err := c.Next()
		if err == io.EOF {
			break
		}
		h := ChunkHash(b)
		tree.Add(Leaf{h, uint64(len(b))})
		if w.Add(b, h); w.Len() == perXorb {
			flush()
		}
	}
	if w.Len() > 0 {
		flush()
	}
	f.Hash = tree.FileHash()
	return f, bodies, indexFinder(indexes...)
}

// reconstruct does what a client does with a plan, and in passing what the server does for a plain download.
func reconstruct(t *rapid.T, segments []Segment, size, from, to uint64, bodies map[Hash][]byte, find func(Hash) (*Index, error)) []byte {
	p, err := Plan(segments, size, from, to, find)
	if err != nil {
		t.Fatal(err)
	}
	var out, plain bytes.Buffer
	want := int64(min(to, size) - from)
	skip := int64(p.OffsetIntoFirst)
	for _, term := range p.Terms {
		piece := clientTerm(t, p, term, bodies)
		out.Write(piece)
		x, _ := find(term.Xorb)
		off, n := x.PhysRange(int(term.Start), int(term.End))
		body := bytes.NewReader(bodies[term.Xorb][off : off+n])
		if _, err := CopyRaw(&plain, body, x, int(term.Start), int(term.End), skip, want-int64(plain.Len())); err != nil {
			t.Fatal(err)
		}
		skip = 0
	}
	got := out.Bytes()[p.OffsetIntoFirst:][:want]
	if !bytes.Equal(got, plain.Bytes()) {
		t.Fatal("client and server decode differently")
	}
	return got
}

func clientTerm(t *rapid.T, p *Reconstruction, term Term, bodies map[Hash][]byte) (raw []byte) {
	for _, x := range p.Xorbs {
		for _, r := range x.Ranges {
			if x.Xorb != term.Xorb || term.Start < r.ChunkStart || term.End > r.ChunkEnd {
				continue
			}
			stored := bodies[x.Xorb][r.ByteStart : r.ByteEndInclusive+1]
			for i := r.ChunkStart; i < r.ChunkEnd; i++ {
				out, n, err := DecodeChunk(nil, stored)
				if err != nil {
					t.Fatal(err)
				}
				if stored = stored[n:]; i >= term.Start && i < term.End {
					raw = append(raw, out...)
				}
			}
			if len(stored) != 0 || len(raw) != int(term.UnpackedBytes) {
				t.Fatal("range does not end on its chunk")
			}
			return raw
		}
	}
	t.Fatal("no range holds the term")
	return nil
}

// drawIndex makes an index of chunks that exist nowhere.
func drawIndex(t *rapid.T, id byte) *Index {
	x := &Index{Hash: Hash{id}}
	var phys, raw uint32
	for range rapid.IntRange(1, 12).Draw(t, "chunks") {
		n := uint32(rapid.IntRange(1, 50).Draw(t, "len"))
		phys += 8 + n
		raw += n
		x.Chunks = append(x.Chunks, ChunkInfo{PhysEnd: phys, RawEnd: raw})
	}
	return x
}

// TestPlanAssumptions checks on random lists of terms what clients take for granted.
func TestPlanAssumptions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := []*Index{drawIndex(t, 1), drawIndex(t, 2), drawIndex(t, 3)}
		var segments []Segment
		var size uint64
		for range rapid.IntRange(1, 30).Draw(t, "terms") {
			x := rapid.SampledFrom(xs).Draw(t, "xorb")
			start := rapid.IntRange(0, x.NumChunks()-1).Draw(t, "start")
			end := rapid.IntRange(start+1, x.NumChunks()).Draw(t, "end")
			segments = append(segments, Segment{x.Hash, uint32(x.RawLen(start, end)), uint32(start), uint32(end)})
			size += x.RawLen(start, end)
		}
		from := rapid.Uint64Range(0, size-1).Draw(t, "from")
		to := rapid.Uint64Range(from+1, size).Draw(t, "to")
		find := indexFinder(xs...)
		p, err := Plan(segments, size, from, to, find)
		if err != nil {
			t.Fatal(err)
		}
		checkWindow(t, p, from, to, find)
		checkRanges(t, p, find)
		again, _ := Plan(segments, size, from, to, find)
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatal("not deterministic", diff)
		}
	})
}

// checkWindow makes sure that the terms hold the range and not a chunk more.
func checkWindow(t *rapid.T, p *Reconstruction, from, to uint64, find func(Hash) (*Index, error)) {
	var total uint64
	for _, term := range p.Terms {
		x, _ := find(term.Xorb)
		if x.RawLen(int(term.Start), int(term.End)) != uint64(term.UnpackedBytes) {
			t.Fatal("length of a term")
		}
		total += uint64(term.UnpackedBytes)
	}
	first, last := p.Terms[0], p.Terms[len(p.Terms)-1]
	fx, _ := find(first.Xorb)
	lx, _ := find(last.Xorb)
	excess := total - p.OffsetIntoFirst - (to - from)
	if p.OffsetIntoFirst >= fx.RawLen(int(first.Start), int(first.Start)+1) {
		t.Fatal("a leading chunk is not needed")
	}
	if total < p.OffsetIntoFirst+(to-from) || excess >= lx.RawLen(int(last.End)-1, int(last.End)) {
		t.Fatalf("%d bytes too many at the end", excess)
	}
}

func checkRanges(t *rapid.T, p *Reconstruction, find func(Hash) (*Index, error)) {
	seen := map[Hash][]FetchRange{}
	for _, f := range p.Xorbs {
		if _, dup := seen[f.Xorb]; dup || len(f.Ranges) == 0 {
			t.Fatal("a xorb twice, or without ranges")
		}
		seen[f.Xorb] = f.Ranges
		x, _ := find(f.Xorb)
		for i, r := range f.Ranges {
			if i > 0 && r.ChunkStart <= f.Ranges[i-1].ChunkEnd {
				t.Fatal("ranges touch, overlap or descend")
			}
			off, n := x.PhysRange(int(r.ChunkStart), int(r.ChunkEnd))
			if r.ByteStart != uint64(off) || r.ByteEndInclusive != uint64(off+n-1) {
				t.Fatal("bytes do not belong to the chunks")
			}
		}
	}
	for _, term := range p.Terms {
		in := 0
		for _, r := range seen[term.Xorb] {
			if r.ChunkStart <= term.Start && term.End <= r.ChunkEnd {
				in++
			}
		}
		if in != 1 {
			t.Fatalf("term lies in %d ranges", in)
		}
	}
}
