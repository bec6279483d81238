package git_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// deltaRepo has a history whose blobs and trees git packs as deltas.
func deltaRepo(t testing.TB, commits int) repo {
	r := newRepo(t)
	var in bytes.Buffer
	rnd := rand.New(rand.NewPCG(1, 2))
	lines := make([]string, 200)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d %x", i, rnd.Uint64())
	}
	for c := 0; c < commits; c++ {
		lines[rnd.IntN(len(lines))] = fmt.Sprintf("changed in %d %x", c, rnd.Uint64())
		text := strings.Join(lines, "\n")
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter C <c@x> %d +0130\ndata 2\nhi\n", 1700000000+c)
		fmt.Fprintf(&in, "M 100644 inline dir/sub/f%d.txt\ndata %d\n%s\n", c%20, len(text), text)
		fmt.Fprintf(&in, "M 100644 inline big%d.txt\ndata %d\n%s\n", c, len(text), text)
	}
	p := git.Pointer{SHA256: hub.SHA256{1}, Size: 1 << 40}
	fmt.Fprintf(&in, "M 100644 inline model.bin\ndata %d\n%s\n", len(p.Encode()), p.Encode())
	r.git(in.Bytes(), "fast-import", "--quiet")
	r.git(nil, "-c", "pack.threads=1", "repack", "-adfq")
	return r
}

func TestReadPackMadeByGit(t *testing.T) {
	r := deltaRepo(t, 150)
	data, err := os.ReadFile(r.packs()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int64{0, 1} { // 1: every ancestor is dropped and made again
		cat, err := git.IndexPack(bytes.NewReader(data), int64(len(data)), git.IndexLimits{Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		checkObjects(t, r, data, cat)
		var idx bytes.Buffer
		if err := cat.WriteIdx(&idx); err != nil {
			t.Fatal(err)
		}
		want, _ := os.ReadFile(strings.TrimSuffix(r.packs()[0], ".pack") + ".idx")
		if !bytes.Equal(idx.Bytes(), want) {
			t.Error("the index differs from git's")
		}
	}
}

func checkObjects(t *testing.T, r repo, data []byte, cat *git.Catalog) {
	t.Helper()
	p := git.NewPackReader(bytes.NewReader(data), cat)
	lines := strings.Split(r.git(nil, "cat-file", "--batch-all-objects", "--batch-check"), "\n")
	if len(lines) != cat.Len() {
		t.Fatalf("%d objects, git has %d", cat.Len(), len(lines))
	}
	deltas, pointers := 0, 0
	for i, line := range lines {
		o := cat.At(i)
		if got := fmt.Sprintf("%s %s %d", o.OID, o.Kind, o.Size); got != line {
			t.Fatalf("catalog says %q, git %q", got, line)
		}
		if _, _, err := p.Object(i, 1<<20); err != nil { // checks the id
			t.Fatal(err)
		}
		s, err := p.Stream(i, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(s); err != nil || git.Hash(o.Kind, b) != o.OID {
			t.Fatal(err)
		}
		s.Close()
		if o.Delta {
			deltas++
		}
		if o.Pointer != nil {
			pointers++
		}
	}
	if deltas == 0 || pointers != 1 {
		t.Fatalf("%d deltas, %d pointers", deltas, pointers)
	}
}

// write makes a pack in dir of a bare repository and returns its path without the extension.
func write(t testing.TB, w *git.PackWriter, dir string) (string, *git.Catalog) {
	t.Helper()
	var pack, idx bytes.Buffer
	cat, err := w.Finish(&pack)
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.WriteIdx(&idx); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, "objects/pack", "pack-"+cat.PackHash().String())
	if os.WriteFile(base+".pack", pack.Bytes(), 0o600) != nil || os.WriteFile(base+".idx", idx.Bytes(), 0o600) != nil {
		t.Fatal("write")
	}
	if int64(pack.Len()) != cat.PackSize() {
		t.Fatalf("catalog says %d bytes of %d", cat.PackSize(), pack.Len())
	}
	return base, cat
}

func TestGitReadsOurPack(t *testing.T) {
	for _, memory := range []int{0, 1 << 10, 1 << 20} {
		r := newRepo(t)
		spool := git.NewSpool(t.TempDir(), memory)
		defer spool.Close()
		w := git.NewPackWriter(spool)
		rnd := rand.NewChaCha8([32]byte{})
		var ids []hub.OID
		for _, n := range []int{0, 1, 15, 16, 127, 128, 129, 1000, 70_000, 300_000} {
			b := make([]byte, n)
			rnd.Read(b)
			oid, err := w.AddStream(git.KindBlob, int64(n), bytes.NewReader(b), nil)
			if err != nil || oid != git.Hash(git.KindBlob, b) {
				t.Fatal(oid, err)
			}
			b = append(b, "whole"...)
			if err := w.Add(git.KindBlob, git.Hash(git.KindBlob, b), b); err != nil {
				t.Fatal(err)
			}
			if _, err := w.AddStream(git.KindBlob, int64(len(b)), bytes.NewReader(b), nil); err != nil {
				t.Fatal(err) // a repeat, dropped from the spool
			}
			ids = append(ids, oid, git.Hash(git.KindBlob, b))
		}
		if _, err := w.AddStream(git.KindBlob, 5, strings.NewReader("four"), nil); err == nil {
			t.Fatal("short content was taken")
		}
		if _, err := w.AddStream(git.KindBlob, 3, strings.NewReader("four"), nil); err == nil {
			t.Fatal("long content was taken")
		}
		base, cat := write(t, w, r.dir)
		r.git(nil, "verify-pack", base+".idx")
		r.git(nil, "fsck", "--strict", "--no-dangling")
		for _, id := range ids {
			r.git(nil, "cat-file", "-e", id.String())
		}
		want, _ := os.ReadFile(base + ".idx")
		os.Remove(base + ".idx")
		r.git(nil, "index-pack", base+".pack")
		if got, _ := os.ReadFile(base + ".idx"); !bytes.Equal(got, want) {
			t.Error("git's index differs")
		}
		pack, _ := os.ReadFile(base + ".pack")
		again, err := git.IndexPack(bytes.NewReader(pack), int64(len(pack)), git.IndexLimits{})
		if err != nil || !bytes.Equal(again.Bytes(), cat.Bytes()) {
			t.Error("indexing our pack gives another catalog", err)
		}
	}
}

func TestCopyKeepsDeltas(t *testing.T) {
	r := deltaRepo(t, 120)
	for _, depth := range []int{4096, 3} {
		into := newRepo(t)
		spool := git.NewSpool(t.TempDir(), 1<<20)
		defer spool.Close()
		w := git.NewPackWriter(spool)
		// An object of our own comes first, so that every offset moves.
		_ = w.Add(git.KindBlob, git.Hash(git.KindBlob, []byte("first")), []byte("first"))
		data, _ := os.ReadFile(r.packs()[0])
		cat, err := git.IndexPack(bytes.NewReader(data), int64(len(data)), git.IndexLimits{})
		if err != nil {
			t.Fatal(err)
		}
		p := git.NewPackReader(bytes.NewReader(data), cat)
		if err := p.ByOffset(func(i int) error { return w.Copy(p, i, depth) }); err != nil {
			t.Fatal(err)
		}
		base, made := write(t, w, into.dir)
		into.git(nil, "verify-pack", base+".idx")
		deltas, deepest := 0, 0
		for i := 0; i < made.Len(); i++ {
			if o := made.At(i); o.Delta {
				deltas, deepest = deltas+1, max(deepest, o.Depth)
			}
		}
		if deltas == 0 || deepest > depth {
			t.Errorf("%d deltas, deepest %d", deltas, deepest)
		}
	}
}
