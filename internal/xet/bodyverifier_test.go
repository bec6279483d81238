package xet

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// inPieces writes a body in pieces of random lengths.
func inPieces(x *Index, body []byte, longest int, r *rand.Rand) error {
	v := NewBodyVerifier(x)
	for len(body) > 0 {
		n := min(1+r.IntN(longest), len(body))
		if _, err := v.Write(body[:n]); err != nil {
			return errors.Join(err, v.Close())
		}
		body = body[n:]
	}
	return v.Close()
}

func TestBodyVerifierTakesWhatWasStored(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for kind := range kinds {
		var chunks [][]byte
		for i := range 40 {
			chunks = append(chunks, content(kind, 1+r.IntN(MaxChunk), uint64(i)))
		}
		x := buildXorb(t, chunks)
		for _, longest := range []int{1 << 10, 100 << 10, 4 << 20} {
			if err := inPieces(x.index, x.body, longest, r); err != nil {
				t.Errorf("%s in pieces of %d: %v", kinds[kind], longest, err)
			}
		}
	}
}

func TestBodyVerifierFindsEveryFlippedBit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for kind := range kinds {
		var chunks [][]byte
		for i := range 6 {
			chunks = append(chunks, content(kind, 9000+r.IntN(9000), uint64(i)))
		}
		x := buildXorb(t, chunks)
		for range 300 {
			bad := slices.Clone(x.body)
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			if err := inPieces(x.index, bad, 20<<10, r); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: a flipped bit gives %v", kinds[kind], err)
			}
		}
		if err := inPieces(x.index, x.body[:len(x.body)-1], 20<<10, r); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: a body that lacks a byte gives %v", kinds[kind], err)
		}
		if err := inPieces(x.index, append(slices.Clone(x.body), 0), 20<<10, r); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: a body with a byte too many gives %v", kinds[kind], err)
		}
	}
}

// A checksum and an index that agree with each other about wrong bytes are found by the chunk's hash.
func TestBodyVerifierHashesChunks(t *testing.T) {
	x := buildXorb(t, [][]byte{content(0, 30<<10, 1), content(0, 30<<10, 2)})
	lie := *x.index
	lie.Chunks = slices.Clone(lie.Chunks)
	lie.Chunks[1].Hash[5] ^= 1
	if err := inPieces(&lie, x.body, 4<<20, rand.New(rand.NewPCG(5, 6))); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a chunk that does not have its hash gives %v", err)
	}
}

// The bare hash beside it is what the verification is held to: see bench.
func BenchmarkBodyVerifier(b *testing.B) {
	for kind, name := range kinds {
		b.Run(name, func(b *testing.B) {
			x := benchXorb(b, kind)
			b.SetBytes(int64(len(x.raw)))
			b.ReportAllocs()
			for b.Loop() {
				v := NewBodyVerifier(x.index)
				_, _ = v.Write(x.body)
				if err := v.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
