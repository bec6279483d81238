package tempfile

import (
	"os"
	"syscall"
)

// tmpfile is __O_TMPFILE of open(2), the same on all processors that Cairn is built for.
const tmpfile = 0x400000

func nameless(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDWR|tmpfile|syscall.O_DIRECTORY, 0o600)
}
