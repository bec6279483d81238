package crash

import (
	"fmt"
	"syscall"
)

func mountSmall(dir string, size int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
}

// mountInodes has room for some files and folders, or with again set for more than there was.
func mountInodes(dir string, inodes int, again bool) error {
	var flags uintptr
	if again {
		flags = syscall.MS_REMOUNT
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=256m,nr_inodes=%d", inodes))
}

func unmount(dir string) { _ = syscall.Unmount(dir, 0) }
