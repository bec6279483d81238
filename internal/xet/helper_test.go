package xet

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

var errUnknown = errors.New("unknown xorb")

// built is a xorb with all that tests want to know of it.
type built struct {
	body  []byte
	index *Index
	raw   []byte
}

func buildXorb(t testing.TB, chunks [][]byte) built {
	t.Helper()
	var b built
	var body bytes.Buffer
	w := NewXorbWriter(&body)
	for i, c := range chunks {
		if idx, full := w.Add(c, ChunkHash(c)); full || idx != i {
			t.Fatalf("chunk %d: index %d, full %t", i, idx, full)
		}
		b.raw = append(b.raw, c...)
	}
	index, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	b.body, b.index = body.Bytes(), index
	return b
}

// putChunk serialises a chunk whatever it holds.
func putChunk(dst, payload []byte, scheme Scheme, raw int) []byte {
	var h [chunkHeaderSize]byte
	chunkHeader{scheme: scheme, payload: len(payload), raw: raw}.put(h[:])
	return append(append(dst, h[:]...), payload...)
}

// content makes n bytes of a kind: random, text-like, float-like or constant.
func content(kind, n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	_, _ = r.Read(b)
	if kind%4 == 1 {
		words := []string{"the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy ", "dog.\n"}
		for i := 0; i < n; {
			i += copy(b[i:], words[int(b[i])%len(words)])
		}
	}
	for i := range b {
		switch kind % 4 {
		case 2:
			if i%4 >= 2 {
				b[i] = []byte{0x3f, 0xbf}[b[i]>>7]
			}
		case 3:
			b[i] = 7
		}
	}
	return b
}

func indexFinder(xs ...*Index) func(Hash) (*Index, error) {
	m := map[Hash]*Index{}
	for _, x := range xs {
		m[x.Hash] = x
	}
	return func(h Hash) (*Index, error) {
		if x, ok := m[h]; ok {
			return x, nil
		}
		return nil, errUnknown
	}
}
