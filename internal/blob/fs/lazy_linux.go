package fs

import (
	"os"

	"golang.org/x/sys/unix"
)

const canFlush = true

// flushAll waits until the file system of f has everything on the disk. It tells of every failure to write since f was
// opened.
func flushAll(f *os.File) error { return unix.Syncfs(int(f.Fd())) }
