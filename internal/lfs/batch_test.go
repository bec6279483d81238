package lfs

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
)

func TestCheck(t *testing.T) {
	one := []Pointer{{OID: strings.Repeat("a", 64), Size: 1}}
	for name, c := range map[string]struct {
		b    Batch
		kind errs.Kind
	}{
		"operation": {Batch{Operation: "steal", Objects: one}, errs.Unprocessable},
		"none":      {Batch{Operation: Upload}, errs.Unprocessable},
		"many":      {Batch{Operation: Upload, Objects: make([]Pointer, MaxObjects+1)}, errs.TooLarge},
		"hash":      {Batch{Operation: Upload, Objects: one, HashAlgo: "md5"}, errs.Conflict},
	} {
		if err := c.b.Check(); !errs.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, algo := range []string{"", "sha256", "sha_256"} {
		if err := (&Batch{Operation: Download, Objects: one, HashAlgo: algo}).Check(); err != nil {
			t.Errorf("%q: %v", algo, err)
		}
	}
}

func TestPointer(t *testing.T) {
	good := strings.Repeat("0a", 32)
	for _, p := range []Pointer{
		{"", 1}, {good[1:], 1}, {good + "0", 1}, {strings.ToUpper(good), 1}, {"../" + good[3:], 1},
		{good, -1}, {good, MaxSize + 1},
	} {
		if _, err := p.SHA256(); !errs.Is(err, errs.Unprocessable) {
			t.Errorf("%v: %v", p, err)
		}
	}
	if h, err := (Pointer{good, 0}).SHA256(); err != nil || h.String() != good {
		t.Errorf("%v %v", h, err)
	}
}
