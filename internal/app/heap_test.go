package app

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestHeapPercent(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, heapMost}, {2 << 20, heapMost}, {8 << 20, 500}, {16 << 20, 200}, {24 << 20, 100}, {64 << 20, 100}, {4 << 30, 100}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("%d alive: %d, want %d", c.live, got, c.want)
		}
	}
}

// The percentage rises while collections follow each other, falls when they do not, and is back at the end.
func TestTuneHeap(t *testing.T) {
	current := func() int {
		p := debug.SetGCPercent(heapDefault)
		debug.SetGCPercent(p)
		return p
	}
	was := debug.SetGCPercent(heapDefault) // whatever the environment says
	defer debug.SetGCPercent(was)
	stop := tuneHeap()
	defer stop()
	for end := time.Now().Add(30 * time.Second); current() == heapDefault; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("collections are not put off")
		}
	}
	stop()
	if p := current(); p != heapDefault {
		t.Error("after the end:", p)
	}
	tuner := heapTuner{percent: 500, last: time.Now()}
	tuner.tune(time.Now().Add(time.Minute), 8<<20)
	if tuner.percent != heapDefault {
		t.Error("after a quiet minute:", tuner.percent)
	}
}
