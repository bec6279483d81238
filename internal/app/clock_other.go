//go:build !linux

package app

import "time"

// jumpLeast is the least that counts as a jump while the process runs: the even clock may stop while the machine sleeps.
const jumpLeast = offMost

// even is a clock that goes on evenly.
func even() time.Duration { return time.Since(begun) }

var begun = time.Now()
