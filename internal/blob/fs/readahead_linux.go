package fs

import (
	"os"

	"golang.org/x/sys/unix"
)

// readAhead has the kernel read long ranges in larger steps; it is advice, so its failure means nothing.
func readAhead(f *os.File, off, n int64) {
	if n >= 1<<20 {
		_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_SEQUENTIAL)
	}
}
