package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cost is what a server and its children have used.
type cost struct {
	cpu  time.Duration
	rss  int64 // bytes that they held at most, over what the server held before
	took time.Duration
}

// meter watches a process and all below it.
type meter struct {
	pid    int
	before time.Duration
	base   int64
	begun  time.Time
	peak   int64
	stop   chan struct{}
	done   chan struct{}
}

func watch(t *testing.T, pid int) *meter {
	t.Helper()
	m := &meter{pid: pid, before: cpuOf(t, pid), base: memoryOf(pid), begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			m.peak = max(m.peak, memoryBelow(pid))
			select {
			case <-m.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return m
}

func (m *meter) end(t *testing.T) cost {
	t.Helper()
	took := time.Since(m.begun)
	close(m.stop)
	<-m.done
	return cost{cpuOf(t, m.pid) - m.before, max(0, m.peak-m.base), took}
}

// cpuOf is the time that a process and the children that have ended took on a processor, to a hundredth of a second.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, and those of children
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // a tick of USER_HZ, 100 on every Linux
}

// memoryBelow is the resident memory of a process and of all that it has started. Pages that they share count in each;
// a child that is not yet another program is the process itself once more and is left out.
func memoryBelow(pid int) int64 {
	sum := memoryOf(pid)
	mine, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		b, _ := os.ReadFile(path)
		for _, child := range strings.Fields(string(b)) {
			theirs, _ := os.ReadFile(fmt.Sprintf("/proc/%s/cmdline", child))
			if n, err := strconv.Atoi(child); err == nil && len(theirs) > 0 && string(theirs) != string(mine) {
				sum += memoryBelow(n)
			}
		}
	}
	return sum
}

func memoryOf(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if f := strings.Fields(string(b)); len(f) > 1 {
		pages, _ := strconv.ParseInt(f[1], 10, 64)
		return pages * int64(os.Getpagesize())
	}
	return 0
}
