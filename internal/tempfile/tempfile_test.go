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

// TestDeadAreRemoved: what nobody has open goes, however young; what somebody writes stays, however old.
func TestDeadAreRemoved(t *testing.T) {
	dir := t.TempDir()
	f, err := Named(dir, "part-*")
	if err != nil {
		t.Fatal(err)
	}
	RemoveDead(f.Name())
	if _, err := os.Stat(f.Name()); err != nil {
		t.Fatal("a file that is being written:", err)
	}
	_ = f.Close()
	RemoveDead(f.Name())
	if _, err := os.Stat(f.Name()); !os.IsNotExist(err) {
		t.Error("a file that nobody writes any more:", err)
	}
}

// TestNamedBesideRemovals makes files while others remove what they hold for dead.
func TestNamedBesideRemovals(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(t.TempDir(), "whole")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			list, _ := os.ReadDir(dir)
			for _, e := range list {
				RemoveDead(filepath.Join(dir, e.Name()))
			}
		}
	}()
	for range 2000 {
		f, err := Named(dir, "part-*")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(f.Name(), whole); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	close(stop)
	<-done
}
