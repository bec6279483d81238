package fs

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

func put(t *testing.T, s *Store, key string, data []byte) {
	t.Helper()
	up, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if _, err := up.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(ctx, key); err != nil {
		t.Fatal(err)
	}
}

func short(t *testing.T, s *Store, key string, off, n int64) []byte {
	t.Helper()
	r, err := s.Open(ctx, key, off, n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// openNow is how many descriptors of the process are files below a folder.
func openNow(t *testing.T, root string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, root) {
			n++
		}
	}
	return n
}

// TestOpenFilesAreBounded: many readers of short ranges of many objects leave few files open, and those for a while.
func TestOpenFilesAreBounded(t *testing.T) {
	s := open(t, t.TempDir())
	data := pattern(1000)
	const objects = 3 * openMost
	name := func(i int) string { return "a/" + string(rune('a'+i%26)) + string(rune('a'+i/26)) }
	for i := range objects {
		put(t, s, name(i), data)
	}
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Go(func() {
			for i := range objects {
				k := int64((i + r) % 900)
				if got := short(t, s, name((i+r*7)%objects), k, 100); !bytes.Equal(got, data[k:k+100]) {
					t.Error("wrong bytes")
				}
			}
		})
	}
	readers.Wait()
	if n := openNow(t, s.root); n != openMost {
		t.Errorf("%d files stay open of %d", n, openMost)
	}
	for end := time.Now().Add(time.Minute); openNow(t, s.root) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d files are open for good", openNow(t, s.root))
		}
	}
}

// TestOpenFileIsNotKeptPastItsObject: what is deleted or stored again is not read from the file of before.
func TestOpenFileIsNotKeptPastItsObject(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "a", []byte("one"))
	if got := short(t, s, "a", 0, 3); string(got) != "one" {
		t.Fatalf("%q", got)
	}
	put(t, s, "a", []byte("another"))
	if got := short(t, s, "a", 0, 7); string(got) != "another" {
		t.Fatalf("%q", got)
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, "a", 0, 3); !errs.Is(err, errs.NotFound) {
		t.Fatal("a deleted object:", err)
	}
	if n := openNow(t, s.root); n != 0 {
		t.Errorf("%d files are open", n)
	}

	// Another process replaces it: who finds the bytes wrong has the file forgotten.
	put(t, s, "a", []byte("wrong"))
	short(t, s, "a", 0, 5)
	put(t, open(t, s.root), "a", []byte("right"))
	if !blob.Forget(s, "a") {
		t.Fatal("nothing is forgotten")
	}
	if got := short(t, s, "a", 0, 5); string(got) != "right" {
		t.Fatalf("%q", got)
	}

	// It was cut, and another process stores it whole.
	put(t, open(t, s.root), "a", []byte("right and whole"))
	if got := short(t, s, "a", 0, 15); string(got) != "right and whole" {
		t.Fatalf("%q", got)
	}
}

// TestReaderOutlivesItsFile: who reads goes on when the object is deleted.
func TestReaderOutlivesItsFile(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "a", pattern(1000))
	r, err := s.Open(ctx, "a", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, pattern(1000)) {
		t.Fatal(len(b), err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := openNow(t, s.root); n != 0 {
		t.Errorf("%d files are open", n)
	}
}
