package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestSignedLockIsNeverEmpty: who reads by whom a folder is served while the process changes finds something.
func TestSignedLockIsNeverEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cairn.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	me, other := fmt.Appendf(nil, "%d\n", os.Getpid()), []byte("12345678901\n")
	if _, err := f.WriteAt(other, 0); err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	done := make(chan struct{})
	reader.Go(func() {
		for {
			b, err := os.ReadFile(path)
			if err != nil || len(b) == 0 {
				t.Error("nothing in the file", err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range 2000 {
		signLock(f)
		if _, err := f.WriteAt(other, 0); err != nil {
			t.Fatal(err)
		}
	}
	signLock(f)
	close(done)
	reader.Wait()
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, me) {
		t.Errorf("read %q, %v", b, err)
	}
}
