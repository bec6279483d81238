package app

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram takes the program's own pages out of the process: a start touches some 30 MB of it that serving does not.
// They stay in the page cache, and what is used comes back with a fault that reads no disk. Only ranges of the file that
// are not writable, and of which the process has no changed page, are what the file says when they come back: a relocated
// program has others.
func forgetProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range unchanged(maps, exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED) // advice: without it all is as before
	}
}

type addresses struct{ from, to uintptr }

// unchanged are the ranges of a file in /proc/PID/smaps that are private, not writable, and all the file's.
func unchanged(maps []byte, file string) (found []addresses) {
	var at addresses
	of := false
	for line := range bytes.Lines(maps) {
		f := strings.Fields(string(line))
		switch {
		case len(f) >= 5 && strings.Contains(f[0], "-"): // 00400000-02000000 r-xp 00000000 fe:00 1234  /path/cairn
			from, to, _ := strings.Cut(f[0], "-")
			a, err1 := strconv.ParseUint(from, 16, 64)
			b, err2 := strconv.ParseUint(to, 16, 64)
			at = addresses{uintptr(a), uintptr(b)}
			of = err1 == nil && err2 == nil && len(f) >= 6 && strings.Join(f[5:], " ") == file && f[1][1] == '-' && f[1][3] == 'p'
		case of && len(f) >= 2 && (f[0] == "Anonymous:" || f[0] == "Swap:") && f[1] != "0":
			of = false
		case of && f[0] == "VmFlags:": // the last line of each
			found, of = append(found, at), false
		}
	}
	return found
}
