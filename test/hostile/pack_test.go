package hostile

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"io"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// forge makes a pack entry by entry, as no client would.
type forge struct {
	t       testing.TB
	entries bytes.Buffer
	n       int
	z       *zlib.Writer
}

const headerLen = 12

func (f *forge) entry(kind byte, size int64, extra []byte, data io.Reader) (offset int) {
	f.t.Helper()
	f.n++
	offset = headerLen + f.entries.Len()
	c := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		f.entries.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	f.entries.WriteByte(c)
	f.entries.Write(extra)
	if f.z == nil {
		f.z = zlib.NewWriter(&f.entries)
	}
	f.z.Reset(&f.entries)
	if _, err := io.Copy(f.z, data); err != nil {
		f.t.Fatal(err)
	}
	if err := f.z.Close(); err != nil {
		f.t.Fatal(err)
	}
	return offset
}

// object adds an object whole and gives its id.
func (f *forge) object(kind git.Kind, data []byte) hub.OID {
	f.t.Helper()
	f.entry(byte(kind), int64(len(data)), nil, bytes.NewReader(data))
	return git.Hash(kind, data)
}

// delta adds a delta over the entry at an offset.
func (f *forge) delta(base int, delta []byte) (offset int) {
	f.t.Helper()
	distance := headerLen + f.entries.Len() - base
	back := []byte{byte(distance & 0x7f)}
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		back = append([]byte{0x80 | byte(distance&0x7f)}, back...)
	}
	return f.entry(6, int64(len(delta)), back, bytes.NewReader(delta))
}

// pack is the whole pack; it states count objects, or as many as there are for -1.
func (f *forge) pack(count int) []byte {
	if count < 0 {
		count = f.n
	}
	b := append([]byte("PACK\x00\x00\x00\x02"), binary.BigEndian.AppendUint32(nil, uint32(count))...)
	b = append(b, f.entries.Bytes()...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

func varint(n int) (b []byte) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// touch is a delta that puts four bytes before all but the last four of a base.
func touch(size, step int) []byte {
	d := append(varint(size), varint(size)...)
	d = append(d, 4, byte(step), byte(step>>8), byte(step>>16), byte(step>>24))
	for at, end := 0, size-4; at < end; {
		n := min(end-at, 0xffffff)
		d = append(d, 0xff, byte(at), byte(at>>8), byte(at>>16), byte(at>>24), byte(n), byte(n>>8), byte(n>>16))
		at += n
	}
	return d
}

// touched is what touch makes of a base.
func touched(base []byte, step int) []byte {
	return append([]byte{byte(step), byte(step >> 8), byte(step >> 16), byte(step >> 24)}, base[:len(base)-4]...)
}

// zeros is a reader that never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
