package gitstore

import "golang.org/x/sys/unix"

// limitMemory bounds what a process may allocate, packs that it maps apart. git ends when an allocation fails.
func limitMemory(pid int, bytes int64) {
	if bytes > 0 {
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}, nil) // it may have ended
	}
}
