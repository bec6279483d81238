package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Failing makes system calls of a hub under load fail, some at a time, and looks at what it acknowledged after each few.
type Failing struct {
	Faults   int           // how many times calls begin to fail
	PerStart int           // after how many the hub is killed, started again and checked
	Load     time.Duration // how long each fault lasts
	Most     int           // the call of a thread that fails is its 1st to its Most-th, and as many later ones
	Seed     uint64
}

// faults are calls and what they fail with. Those that sockets are written with as well fail for the database's files only.
var faults = []struct {
	call, failure string
	database      bool
}{
	{"fsync", "EIO", false}, {"fsync", "ENOSPC", false}, {"fdatasync", "EIO", false},
	{"pwrite64", "EIO", false}, {"pwrite64", "ENOSPC", false},
	{"write", "EIO", true}, {"write", "ENOSPC", true}, {"fsync", "EIO", true}, {"ftruncate", "EIO", true},
	{"renameat", "EIO", false}, {"renameat", "ENOSPC", false},
	{"openat", "EIO", false}, {"openat", "ENOSPC", false},
	{"mkdirat", "ENOSPC", false}, {"unlinkat", "EIO", false},
}

// FailingResult counts what happened.
type FailingResult struct {
	Ledger           *Ledger
	Faults, Injected int // how often calls began to fail, and how many did
	Ended            int // hubs that ended by it
}

func (r FailingResult) String() string {
	l := &r.Ledger.Figures
	return fmt.Sprintf("faults %d, failed calls %d, hubs that ended by it %d, operations acknowledged %d with %d files, refused %d, open %d (done %d, not done %d), lost 0",
		r.Faults, r.Injected, r.Ended, l.Acknowledged, l.Files, l.Refused, l.Opened, l.Done, l.Undone)
}

// Run does it on a hub that is not running, and leaves it running.
func (f Failing) Run(t testing.TB, h *Hub) FailingResult {
	t.Helper()
	r := FailingResult{Ledger: NewLedger()}
	rng := rand.New(rand.NewPCG(f.Seed, 1))
	h.MustStart(t)
	c := NewClient(h)
	Setup(t, c, r.Ledger)
	for r.Faults < f.Faults {
		for range f.PerStart {
			fault := faults[(r.Faults+int(f.Seed))%len(faults)]
			r.Faults++
			ended, n := f.inject(t, h, c, &r, fault.call, fault.failure, fault.database, 1+rng.IntN(f.Most))
			r.Injected += n
			if ended {
				r.Ended++
				break
			}
			f.goesOn(t, c, r.Ledger, r.Faults)
		}
		h.Kill()
		h.MustStart(t)
		c = NewClient(h)
		complain(t, r.Faults, r.Ledger.Check(c, r.Faults >= f.Faults))
		complain(t, r.Faults, condition(h))
		if t.Failed() {
			t.FailNow()
		}
	}
	return r
}

// inject has the nth call of each thread fail, and each nth after it, while the load runs. What the hub answers is its own affair; what it
// acknowledges is a promise.
func (f Failing) inject(t testing.TB, h *Hub, c *Client, r *FailingResult, call, failure string, database bool, nth int) (ended bool, injected int) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	args := []string{"-f", "-qq", "-o", out, "-p", fmt.Sprint(h.PID()), "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:error=%s:when=%d+%d", call, failure, nth, nth)}
	if database {
		args = append(args, "-P", filepath.Join(h.Data, "cairn.db"), "-P", filepath.Join(h.Data, "cairn.db-wal"))
	}
	tracer := exec.Command("strace", args...)
	if err := tracer.Start(); err != nil {
		t.Fatal("strace makes calls fail:", err)
	}
	ctx, stop := context.WithTimeout(context.Background(), f.Load)
	defer stop()
	Load(ctx, t, c, r.Ledger, r.Faults)
	_ = tracer.Process.Signal(syscall.SIGINT) // lets go of the hub
	_ = tracer.Wait()
	b, _ := os.ReadFile(out)
	return !alive(h.PID()), strings.Count(string(b), "(INJECTED)")
}

// goesOn has the hub take a commit again, now that nothing fails.
func (f Failing) goesOn(t testing.TB, c *Client, l *Ledger, n int) {
	t.Helper()
	w := &writer{c: c, l: l}
	for begun, try := time.Now(), 0; ; try++ {
		a := w.commit(reposSmall[0], "main", []Change{{Path: fmt.Sprintf("after/%d-%d", n, try), Data: []byte("on")}})
		if a.OK() {
			return
		}
		if time.Since(begun) > startTime {
			t.Fatalf("fault %d: writes do not go on though nothing fails any more: %s", n, a)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
