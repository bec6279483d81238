package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Peaks are the highest figures of a hub and of the git processes that it started, in bytes. What several processes map
// of one file is in RSS once for each, and in PSS once for all.
type Peaks struct {
	Server   int64 // resident memory of the hub's own process
	Own      int64 // of that what is no file: what it has allocated
	Children int64 // PSS of its children, all together
	Private  int64 // of that what is no file: what they have allocated
	Total    int64 // PSS of the hub and its children at one instant
	Most     int   // children at once
}

func (p Peaks) String() string {
	return fmt.Sprintf("hub %d MB resident, %d MB of it allocated; %d git processes at most, PSS %d MB, %d MB of it allocated; hub and git together PSS %d MB",
		p.Server/1e6, p.Own/1e6, p.Most, p.Children/1e6, p.Private/1e6, p.Total/1e6)
}

// WatchAll samples the hub and its children each 100 ms until the returned function is called. It reads /proc, so it is
// for Linux.
func (h *Hub) WatchAll() (end func() Peaks) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan Peaks)
	pid := h.process.Process.Pid
	go func() {
		var p Peaks
		for ctx.Err() == nil {
			p.sample(pid, h.memory("VmRSS"))
			time.Sleep(100 * time.Millisecond)
		}
		done <- p
	}()
	return func() Peaks { stop(); return <-done }
}

func (p *Peaks) sample(pid int, rss int64) {
	var children, private int64
	pids := descendants(pid)
	for _, c := range pids {
		pss, anon := shares(c)
		children, private = children+pss, private+anon
	}
	own, anon := shares(pid)
	p.Own = max(p.Own, anon)
	p.Server, p.Children, p.Private = max(p.Server, rss), max(p.Children, children), max(p.Private, private)
	p.Total, p.Most = max(p.Total, own+children), max(p.Most, len(pids))
}

// descendants are the children of a process and theirs.
func descendants(pid int) (all []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list) // a thread may have ended
		for field := range strings.FieldsSeq(string(b)) {
			if c, err := strconv.Atoi(field); err == nil {
				all = append(append(all, c), descendants(c)...)
			}
		}
	}
	return all
}

// shares are a process's proportional share of the memory that it maps, and of that what is no file.
func shares(pid int) (pss, anon int64) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // the process may have ended
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "Pss:":
			pss = n << 10
		case "Pss_Anon:":
			anon = n << 10
		}
	}
	return pss, anon
}

// MemoryBound is what a hub and its git processes may take together, in bytes.
const MemoryBound = 300_000_000

// Check fails the test when the hub, or the hub and its children together, took more than they may.
func (p Peaks) Check(t testing.TB) {
	t.Helper()
	if p.Server > MemoryBound || p.Total > MemoryBound {
		t.Errorf("over %d MB: %s", MemoryBound/1_000_000, p)
	}
}
