package git_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// forge makes packs that git would not make.
type forge struct{ bytes.Buffer }

func newForge(objects uint32) *forge {
	f := &forge{}
	f.WriteString("PACK\x00\x00\x00\x02")
	_ = binary.Write(f, binary.BigEndian, objects)
	return f
}

// entry writes an entry's head with a stated size, then extra bytes (a base), then a zlib stream.
func (f *forge) entry(kind byte, size uint64, extra, data []byte) (off int) {
	off = f.Len()
	c := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		f.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	f.WriteByte(c)
	f.Write(extra)
	z := zlib.NewWriter(f)
	_, _ = z.Write(data)
	_ = z.Close()
	return off
}

func (f *forge) pack() []byte {
	sum := sha1.Sum(f.Bytes())
	f.Write(sum[:])
	return f.Bytes()
}

func index(b []byte, lim git.IndexLimits) error {
	_, err := git.IndexPack(bytes.NewReader(b), int64(len(b)), lim)
	return err
}

func varint(n uint64) (b []byte) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// copying is a delta that copies the first n bytes of a base of size bytes, times over.
func copying(size, n uint64, times int) []byte {
	d := append(varint(size), varint(n*uint64(times))...)
	for range times {
		d = append(d, 0x80|0x10|0x20|0x40, byte(n), byte(n>>8), byte(n>>16))
	}
	return d
}

func TestHostilePacks(t *testing.T) {
	text := bytes.Repeat([]byte("hello "), 100)
	oid := git.Hash(git.KindBlob, text)
	n := uint64(len(text))
	cases := map[string]func() []byte{
		"empty":           func() []byte { return nil },
		"header only":     func() []byte { return newForge(0).Bytes() },
		"count too large": func() []byte { f := newForge(1 << 31); f.entry(3, n, nil, text); return f.pack() },
		"count one more":  func() []byte { f := newForge(2); f.entry(3, n, nil, text); return f.pack() },
		"count one less": func() []byte {
			f := newForge(1)
			f.entry(3, n, nil, text)
			f.entry(3, 1, nil, []byte("x"))
			return f.pack()
		},
		"size too large": func() []byte { f := newForge(1); f.entry(3, n+1, nil, text); return f.pack() },
		"size too small": func() []byte { f := newForge(1); f.entry(3, n-1, nil, text); return f.pack() },
		"size of 2^60":   func() []byte { f := newForge(1); f.entry(3, 1<<59, nil, text); return f.pack() },
		"size of 2^63":   func() []byte { f := newForge(1); f.entry(3, 1<<63, nil, text); return f.pack() },
		"kind 0":         func() []byte { f := newForge(1); f.entry(0, n, nil, text); return f.pack() },
		"kind 5":         func() []byte { f := newForge(1); f.entry(5, n, nil, text); return f.pack() },
		"same twice":     func() []byte { f := newForge(2); f.entry(3, n, nil, text); f.entry(3, n, nil, text); return f.pack() },
		"wrong checksum": func() []byte { f := newForge(1); f.entry(3, n, nil, text); b := f.pack(); b[len(b)-1] ^= 1; return b },
		"base before pack": func() []byte {
			f := newForge(1)
			d := copying(n, 5, 1)
			f.entry(6, uint64(len(d)), []byte{0x7f}, d)
			return f.pack()
		},
		"base is itself": func() []byte {
			f := newForge(1)
			d := copying(n, 5, 1)
			f.entry(6, uint64(len(d)), []byte{0}, d)
			return f.pack()
		},
		"base amid entry": func() []byte {
			f := newForge(2)
			f.entry(3, n, nil, text)
			d := copying(n, 5, 1)
			f.entry(6, uint64(len(d)), []byte{3}, d)
			return f.pack()
		},
		"base absent": func() []byte {
			f := newForge(1)
			d := copying(n, 5, 1)
			f.entry(7, uint64(len(d)), oid[:], d)
			return f.pack()
		},
		"base by lie":  func() []byte { return withDelta(text, oid, copying(n+1, 5, 1)) },
		"copy outside": func() []byte { return withDelta(text, oid, copying(n, n+1, 1)) },
		"result lie":   func() []byte { d := copying(n, 5, 1); d[2]++; return withDelta(text, oid, d) },
		"insert zero":  func() []byte { return withDelta(text, oid, append(append(varint(n), 1), 0)) },
		"insert short": func() []byte { return withDelta(text, oid, append(append(varint(n), 50), 50, 'x')) },
		"copy short":   func() []byte { return withDelta(text, oid, append(append(varint(n), 50), 0xff)) },
		"empty delta":  func() []byte { return withDelta(text, oid, nil) },
		"cycle": func() []byte { // two deltas that name each other by id: neither has a base
			f := newForge(2)
			d := copying(n, 5, 1)
			a, b := hub.OID{1}, hub.OID{2}
			f.entry(7, uint64(len(d)), a[:], d)
			f.entry(7, uint64(len(d)), b[:], d)
			return f.pack()
		},
	}
	for name, make := range cases {
		err := index(make(), git.IndexLimits{})
		if err == nil || (!errors.Is(err, git.ErrMalformed) && !errors.Is(err, git.ErrLimit) && !errors.Is(err, io.EOF)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := withDelta(text, oid, copying(n, 5, 1))
	if err := index(good, git.IndexLimits{}); err != nil {
		t.Error(err)
	}
	for i := range good { // every cut and every flipped byte
		_ = index(good[:i], git.IndexLimits{})
		b := bytes.Clone(good[:len(good)-20])
		b[i%len(b)] ^= 1 << (i % 8)
		sum := sha1.Sum(b)
		_ = index(append(b, sum[:]...), git.IndexLimits{})
	}
}

func withDelta(text []byte, oid hub.OID, delta []byte) []byte {
	f := newForge(2)
	f.entry(3, uint64(len(text)), nil, text)
	f.entry(7, uint64(len(delta)), oid[:], delta)
	return f.pack()
}

// TestBombs: what a small pack inflates to, or makes by deltas, costs no more memory than the limit.
func TestBombs(t *testing.T) {
	const mib = 1 << 20
	zeros := make([]byte, 256*mib)
	zero := newForge(1)
	zero.entry(3, uint64(len(zeros)), nil, zeros)
	packed := zero.pack()
	// A chain of deltas each of which doubles its base.
	doubling := newForge(31)
	size := uint64(4096)
	last := doubling.entry(3, size, nil, make([]byte, size))
	for range 30 {
		d := append(varint(size), varint(2*size)...)
		for range 2 {
			for done := uint64(0); done < size; {
				n := min(size-done, 0xffffff)
				d = append(d, 0xff, byte(done), byte(done>>8), byte(done>>16), byte(done>>24), byte(n), byte(n>>8), byte(n>>16))
				done += n
			}
		}
		off := doubling.Len()
		doubling.entry(6, uint64(len(d)), ofs(off-last), d)
		last, size = off, 2*size
	}
	chain := doubling.pack()
	grew := allocated(func() {
		if err := index(packed, git.IndexLimits{Object: mib}); err != nil { // streamed: no limit is touched
			t.Error(err)
		}
		if err := index(packed, git.IndexLimits{Total: 10 * mib}); !errors.Is(err, git.ErrLimit) {
			t.Error(err)
		}
		if err := index(chain, git.IndexLimits{Object: 8 * mib}); !errors.Is(err, git.ErrLimit) {
			t.Error(err)
		}
		if err := index(chain, git.IndexLimits{Total: 8 * mib}); !errors.Is(err, git.ErrLimit) {
			t.Error(err)
		}
	})
	if grew > 64*mib {
		t.Errorf("%d MiB were allocated", grew/mib)
	}
}

func ofs(distance int) []byte {
	b := []byte{byte(distance & 0x7f)}
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		b = append([]byte{0x80 | byte(distance&0x7f)}, b...)
	}
	return b
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestCatalogThatLies: a reader given another pack's catalog, or a damaged pack, says so.
func TestCatalogThatLies(t *testing.T) {
	text := bytes.Repeat([]byte("hello "), 100)
	good := withDelta(text, git.Hash(git.KindBlob, text), copying(600, 5, 1))
	cat, err := git.IndexPack(bytes.NewReader(good), int64(len(good)), git.IndexLimits{})
	if err != nil {
		t.Fatal(err)
	}
	for at := 12; at < len(good)-20; at++ {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		p := git.NewPackReader(bytes.NewReader(bad), cat)
		for i := range cat.Len() {
			if _, data, err := p.Object(i, 1<<20); err == nil && git.Hash(git.KindBlob, data) != cat.OID(i) {
				t.Fatalf("wrong bytes after damage at %d", at)
			}
		}
	}
	if _, _, err := git.NewPackReader(bytes.NewReader(good), cat).Object(0, 3); !errors.Is(err, git.ErrLimit) {
		t.Error(err)
	}
}
