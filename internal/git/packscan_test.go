package git_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

var roomy = git.GuardLimits{Bytes: 1 << 30, Objects: 1 << 20, Object: 64 << 20, Message: 4 << 20, Tree: 16 << 20, Delta: 16 << 20, Tags: 1000, Chain: 64 << 20, Inflated: 1 << 30, Ratio: 50, Result: 1 << 30, DeltaRatio: 1000}

// pointerDelta adds commits after which git packs pointers as deltas of each other.
func pointerDelta(r repo) {
	var in bytes.Buffer
	for i := range 40 {
		p := git.Pointer{SHA256: hub.SHA256{9, byte(i)}, Size: 1 << 30}
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter C <c@x> %d +0000\ndata 1\nx\n", 1800000000+i)
		if i == 0 {
			in.WriteString("from refs/heads/main^0\n")
		}
		text := strings.Replace(string(p.Encode()), "oid ", "ext-0-"+strings.Repeat("x", 300)+" y\noid ", 1)
		fmt.Fprintf(&in, "M 100644 inline weights.bin\ndata %d\n%s\n", len(text), text)
	}
	r.git(in.Bytes(), "fast-import", "--quiet")
	r.git(nil, "-c", "pack.threads=1", "repack", "-adfq")
}

// TestScannedPackHasTheSameCatalog compares what a pass over the stream and git's index tell with what hashing each object tells.
func TestScannedPackHasTheSameCatalog(t *testing.T) {
	r := deltaRepo(t, 150)
	pointerDelta(r)
	for _, args := range [][]string{{"--delta-base-offset"}, {}} { // deltas that name their base by offset, and by id
		dir := t.TempDir()
		name := r.git([]byte("main\n"), append(append([]string{"pack-objects", "--revs", "-q"}, args...), filepath.Join(dir, "p"))...)
		base := filepath.Join(dir, "p-"+name)
		pack, err := os.ReadFile(base + ".pack")
		if err != nil {
			t.Fatal(err)
		}
		idx, err := os.ReadFile(base + ".idx")
		if err != nil {
			t.Fatal(err)
		}
		want, err := git.IndexPack(bytes.NewReader(pack), int64(len(pack)), git.IndexLimits{})
		if err != nil {
			t.Fatal(err)
		}
		scan, err := git.ScanPack(bytes.NewReader(pack), roomy)
		if err != nil {
			t.Fatal(err)
		}
		got, err := scan.Catalog(bytes.NewReader(pack), int64(len(pack)), idx)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Error("the catalogs differ")
		}
		deltas := 0
		for i := range got.Len() {
			if o := got.At(i); o.Delta && o.Pointer != nil {
				deltas++
			}
		}
		if deltas == 0 {
			t.Error("no pointer is packed as a delta: the test does not show that such are found")
		}
		checkReader(t, git.NewPackReader(bytes.NewReader(pack), got), git.NewPackReader(bytes.NewReader(pack), want).Checked())
	}
}

// checkReader compares two readers of one pack, which keep different things in memory.
func checkReader(t *testing.T, a, b *git.PackReader) {
	t.Helper()
	for i := range a.Catalog().Len() {
		_, x, err := a.Object(i, git.MaxWhole)
		if err != nil {
			t.Fatal(err)
		}
		if _, y, err := b.Object(i, git.MaxWhole); err != nil || !bytes.Equal(x, y) {
			t.Fatalf("object %d differs: %v", i, err)
		}
	}
}

// TestScanRefusesAnotherIndex: an index, a pack and a scan that do not belong together make no catalog.
func TestScanRefusesAnotherIndex(t *testing.T) {
	r := deltaRepo(t, 20)
	path := r.packs()[0]
	pack, _ := os.ReadFile(path)
	idx, _ := os.ReadFile(strings.TrimSuffix(path, ".pack") + ".idx")
	scan := func() *git.PackScan {
		s, err := git.ScanPack(bytes.NewReader(pack), roomy)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	offsets := 8 + 1024 + 24*scan0(t, scan(), pack, idx).Len()
	for name, c := range map[string]struct{ pack, idx []byte }{
		"cut index":      {pack, idx[:len(idx)-8]},
		"empty index":    {pack, nil},
		"index header":   {pack, flip(idx, 3)},
		"pack's trailer": {flip(pack, len(pack)-1), idx},
		"more objects":   {flip(pack, 10), idx},
		"fewer objects":  {flip(pack, 11), idx},
		"an offset":      {pack, flip(idx, offsets+3)},
		"short pack":     {pack[:len(pack)-1], idx},
		"tiny pack":      {pack[:20], idx},
	} {
		if _, err := scan().Catalog(bytes.NewReader(c.pack), int64(len(c.pack)), c.idx); !errors.Is(err, git.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func scan0(t *testing.T, s *git.PackScan, pack, idx []byte) *git.Catalog {
	t.Helper()
	cat, err := s.Catalog(bytes.NewReader(pack), int64(len(pack)), idx)
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// FuzzScanPack: no stream makes the scan panic or take more than its limits.
func FuzzScanPack(f *testing.F) {
	r := deltaRepo(f, 3)
	pack, err := os.ReadFile(r.packs()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack)
	f.Add(pack[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := git.ScanPack(bytes.NewReader(b), git.GuardLimits{Bytes: 1 << 20, Objects: 1 << 10, Object: 1 << 20, Message: 1 << 20, Tree: 1 << 20, Delta: 1 << 20, Tags: 10, Chain: 1 << 20, Inflated: 1 << 20, Result: 1 << 20})
		if err == nil {
			_, _ = s.Catalog(bytes.NewReader(b), int64(len(b)), b)
		}
	})
}
