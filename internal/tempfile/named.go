package tempfile

import (
	"errors"
	"os"
	"syscall"
)

// Named is an empty file with a name of the pattern, as os.CreateTemp makes it, for what gets another name once it is whole.
// It is locked for as long as it is open, so that RemoveDead leaves it alone: rename it before it is closed.
func Named(dir, pattern string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(dir, pattern)
		if err != nil {
			return nil, err
		}
		mine, err := Lock(f)
		if errors.Is(err, errors.ErrUnsupported) {
			return f, nil
		}
		if mine {
			return f, nil
		}
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
			return nil, err
		}
		// RemoveDead came between the file and its lock.
	}
}

// RemoveDead removes a file that Named made, unless a living process has it open. One that was made but is not yet locked
// may go, too: Named sees that and makes another.
func RemoveDead(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if mine, err := Lock(f); err == nil && mine {
		_ = os.Remove(path)
	}
}

// Lock locks an open file, if nobody else has and it is still the one of its name. The kernel drops the lock with the last
// process that has the file open.
func Lock(f *os.File) (mine bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(f.Name())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(held, named), err
}
