package fs

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openUncached opens a file for direct reading, or without where the file system has none.
func openUncached(path string) (f *os.File, direct bool, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECT, 0)
	if err == nil {
		return f, true, nil
	}
	if f, err = os.Open(path); err == nil {
		forget(f, 0, 0)
	}
	return f, false, err
}

// clearDirect has a file read through the page cache after all, without what is in there now.
func clearDirect(f *os.File) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags&^unix.O_DIRECT)
	}
	forget(f, 0, 0)
	return err
}

// forget has the page cache drop a part of a file, or all of it (n 0). It is advice, so its failure means nothing.
func forget(f *os.File, off, n int64) { _ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) }

// preferHuge asks for huge pages behind memory that nothing was written to yet. It is advice, so its failure means nothing.
func preferHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
