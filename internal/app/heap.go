package app

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// A hub that keeps little in memory collects its heap some ten times a second under load, for a sixth of its processor
// time. While collections come that often, the heap may grow to heapFloor before the next, whatever is alive; when they
// do not, memory goes back as always. A larger heap is collected at twice of what is alive, as without this.
const (
	heapFloor   = 48 << 20
	heapOften   = 10 * time.Second
	heapDefault = 100 // percent of what is alive
	heapMost    = 1600
)

// The garbage of a start, some 20 MB, is not worth collecting before the first answer.
const (
	heapStart   = 600 // percent
	freeStarted = time.Second
)

// calmHeap puts collections off until started, which has what the start left behind go back to the system soon.
func calmHeap() (started func()) {
	was := debug.SetGCPercent(heapStart)
	return func() {
		debug.SetGCPercent(was)
		time.AfterFunc(freeStarted, func() {
			debug.FreeOSMemory()
			forgetProgram()
		})
	}
}

// heapTuner sets the collector's percentage at the end of each collection.
type heapTuner struct {
	percent int
	last    time.Time
	stopped atomic.Bool
}

// tuneHeap puts collections off until stop. An operator who has set the percentage keeps it.
func tuneHeap() (stop func()) {
	was := debug.SetGCPercent(heapDefault)
	if was != heapDefault {
		debug.SetGCPercent(was)
		return func() {}
	}
	t := &heapTuner{percent: heapDefault, last: time.Now()}
	t.arm()
	return func() {
		t.stopped.Store(true)
		debug.SetGCPercent(heapDefault)
	}
}

// arm has tune called after the next collection: a new object, which nobody holds, dies in it.
func (t *heapTuner) arm() {
	type canary struct{ _ *byte } // with a pointer, so that it shares its memory with nothing that lives
	runtime.AddCleanup(&canary{}, func(t *heapTuner) {
		if t.stopped.Load() {
			return
		}
		t.tune(time.Now(), liveHeap())
		t.arm()
	}, t)
}

func (t *heapTuner) tune(now time.Time, live uint64) {
	percent := heapDefault
	if now.Sub(t.last) < heapOften {
		percent = percentFor(live)
	}
	t.last = now
	if percent != t.percent && !t.stopped.Load() {
		t.percent = percent
		debug.SetGCPercent(percent)
	}
}

// percentFor is how much the heap may grow: in steps, since each change stops the program for some microseconds.
func percentFor(live uint64) int {
	p := int(heapFloor*100/max(live, 1)) - 100
	return min(max(p/50*50, heapDefault), heapMost)
}

func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
