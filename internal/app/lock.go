package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cairnhub/cairn/internal/tempfile"
)

// lockFolder makes this process the only one that serves a data folder, whose node's caches and temporary files are then
// its own. The kernel drops the lock with the last process that holds it, so a crash leaves nothing to clean up.
//
// A process that takes over from another is handed the lock, held: it belongs to the open file, which both then share. So
// there is no moment at which a third one could take it.
func lockFolder(dir string, handed int) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "cairn.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if handed > 0 {
		f, err = handedLock(f, handed)
		if err != nil {
			return nil, err
		}
	}
	mine, err := tempfile.Lock(f)
	if err == nil && !mine {
		b, _ := os.ReadFile(path)
		err = fmt.Errorf("another cairn (process %s) already serves %s: stop it first, or choose another folder with --data", strings.TrimSpace(string(b)), dir)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// handedLock is the lock that was handed over, if it is that of the folder.
func handedLock(f *os.File, handed int) (*os.File, error) {
	defer f.Close()
	lock := os.NewFile(uintptr(handed), f.Name())
	want, err := f.Stat()
	if err != nil {
		return nil, err
	}
	have, err := lock.Stat()
	if err != nil || !os.SameFile(want, have) {
		_ = lock.Close()
		return nil, fmt.Errorf("the process before this one does not serve the folder of %s: another data folder takes a stop and a start", f.Name())
	}
	return lock, nil
}

// signLock tells who reads the lock's file by whom the folder is served. Scripts read it: at no moment is it
// empty, and its first line, once it is whole, is the number.
func signLock(f *os.File) {
	b := fmt.Appendf(nil, "%d\n", os.Getpid())
	if _, err := f.WriteAt(b, 0); err == nil {
		_ = f.Truncate(int64(len(b)))
	}
}
