package tempfile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestNothingIsLeft: a file can be written and read, and its folder stays empty all the while.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	f, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("text"), 1000); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := f.ReadAt(b, 1000); err != nil || string(b) != "text" {
		t.Fatalf("%q, %v", b, err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 0 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
	if runtime.GOOS == "linux" {
		g, err := nameless(dir)
		if err != nil {
			t.Fatalf("no file without a name in %s: %v", dir, err)
		}
		_ = g.Close()
	}
	if _, err := New(filepath.Join(dir, "absent")); err == nil {
		t.Error("a file in a folder that is not there")
	}
	g, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	_ = g.Close()
}
