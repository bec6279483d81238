package git_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
)

// TestFailedWriteSpoilsThePack: a disk that fails for one write and then works again must not leave a pack that can be
// finished, since what was held in memory then is lost.
func TestFailedWriteSpoilsThePack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "read-only")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	spool := git.NewSpool(t.TempDir(), 1<<10)
	defer spool.Close()
	w := git.NewPackWriter(spool)
	add := func(i int) error {
		data := fmt.Appendf(nil, "object %d", i)
		return w.Add(git.KindBlob, git.Hash(git.KindBlob, data), data)
	}
	for i := range 100 {
		if err := add(i); err != nil {
			t.Fatal(err)
		}
	}
	works := spool.SwapFile(broken)
	if works == nil {
		t.Fatal("the spool has no file yet")
	}
	n := 100
	for ; err == nil && n < 1000; n++ {
		err = add(n)
	}
	if err == nil {
		t.Fatal("nothing was written to the broken file")
	}
	spool.SwapFile(works)
	data := []byte("object 0")
	for what, again := range map[string]error{
		"the object that failed":   add(n - 1),
		"one that is in the pack":  add(0),
		"one that is streamed":     func() error { _, err := w.AddStream(git.KindBlob, 8, bytes.NewReader(data), nil); return err }(),
		"the end":                  func() error { _, err := w.Finish(&bytes.Buffer{}); return err }(),
		"what the writer says":     w.Err(),
		"the spool, read directly": func() error { _, err := spool.WriteTo(&bytes.Buffer{}); return err }(),
	} {
		if !errors.Is(again, err) && !errors.Is(again, errors.Unwrap(err)) {
			t.Errorf("%s after a failed write: %v", what, again)
		}
	}
}
