package xet

import (
	"bytes"
	"io"
	"testing"
	"time"
)

var kinds = []string{"random", "text", "float", "constant"}

// benchXorb is a xorb of 16 MiB.
func benchXorb(b *testing.B, kind int) built {
	var chunks [][]byte
	for i := range 256 {
		chunks = append(chunks, content(kind, 64<<10, uint64(i)))
	}
	return buildXorb(b, chunks)
}

func BenchmarkChunker(b *testing.B) {
	data := content(0, 32<<20, 1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c := NewChunker(bytes.NewReader(data))
		for {
			if _, err := c.Next(); err == io.EOF {
				break
			}
		}
	}
}

func BenchmarkChunkHash(b *testing.B) {
	data := content(0, 64<<10, 1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		ChunkHash(data)
	}
}

func BenchmarkVerifyXorb(b *testing.B) {
	for kind, name := range kinds {
		b.Run(name, func(b *testing.B) {
			x := benchXorb(b, kind)
			b.SetBytes(int64(len(x.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := VerifyXorb(bytes.NewReader(x.body), io.Discard, x.index.Hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCopyRaw(b *testing.B) {
	for kind, name := range kinds {
		b.Run(name, func(b *testing.B) {
			x := benchXorb(b, kind)
			b.SetBytes(int64(len(x.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := CopyRaw(io.Discard, bytes.NewReader(x.body), x.index, 0, x.index.NumChunks(), 0, -1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkXorbWriter(b *testing.B) {
	for kind, name := range kinds {
		b.Run(name, func(b *testing.B) {
			chunk := content(kind, 64<<10, 1)
			b.SetBytes(int64(len(chunk)) * 256)
			for b.Loop() {
				w := NewXorbWriter(io.Discard)
				for range 256 {
					w.Add(chunk, Hash{})
				}
				if _, err := w.Finish(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFileHash16384(b *testing.B) {
	leaf := Leaf{ChunkHash(nil), 64 << 10}
	for b.Loop() {
		var m Merkle
		for i := range 16384 {
			leaf.Hash[31] = byte(i)
			m.Add(leaf)
		}
		m.FileHash()
	}
}

func BenchmarkParseTrailer1024(b *testing.B) {
	var chunks [][]byte
	for i := range 1024 {
		chunks = append(chunks, content(0, 100, uint64(i)))
	}
	t := buildXorb(b, chunks).index.AppendTrailer(nil)
	for b.Loop() {
		if _, _, err := ParseTrailer(t); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDedupShard1024(b *testing.B) {
	var chunks [][]byte
	for i := range 1024 {
		chunks = append(chunks, content(0, 100, uint64(i)))
	}
	xs := []*Index{buildXorb(b, chunks).index}
	now := time.Now()
	for b.Loop() {
		BuildDedupShard([32]byte{1}, now, now, xs)
	}
}
