package xet

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestDamageIsFound(t *testing.T) {
	b := buildXorb(t, [][]byte{content(0, 300, 1), content(1, 600, 2), content(2, 700, 3)})
	for i := range b.body {
		bad := bytes.Clone(b.body)
		bad[i] ^= 1
		var out bytes.Buffer
		if _, err := CopyRaw(&out, bytes.NewReader(bad), b.index, 0, 3, 0, -1); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flip at %d: %v", i, err)
		}
		if !bytes.HasPrefix(b.raw, out.Bytes()) {
			t.Fatalf("bit flip at %d: wrong bytes were given out", i)
		}
		if _, err := CopyStored(io.Discard, bytes.NewReader(bad), b.index, 0, 3); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flip at %d, stored: %v", i, err)
		}
		if _, err := CopyRaw(io.Discard, bytes.NewReader(b.body[:i]), b.index, 0, 3, 0, -1); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	var out bytes.Buffer
	if n, err := CopyStored(&out, bytes.NewReader(b.body), b.index, 0, 3); err != nil || n != int64(len(b.body)) || !bytes.Equal(out.Bytes(), b.body) {
		t.Error(n, err)
	}
}
