package app

import (
	"time"

	"golang.org/x/sys/unix"
)

// jumpLeast is the least that counts as a jump while the process runs: what nodes may be apart, and a clock be set by.
const jumpLeast = 5 * time.Minute

// even is a clock that goes on evenly, also while the machine sleeps.
func even() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return time.Since(begun)
	}
	return time.Duration(t.Nano())
}

var begun = time.Now()
