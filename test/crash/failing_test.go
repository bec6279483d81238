package crash

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// System calls that store something fail under a load: what was acknowledged is there after a kill, what was not is there wholly or not at
// all, and the hub goes on when the disk does. TestManyFailingCalls in test/torture is the long form.
func TestFailingCalls(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("making calls fail needs strace, which is Linux's")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("making calls fail needs strace:", err)
	}
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	t.Log(Failing{Faults: 10, PerStart: 5, Load: 300 * time.Millisecond, Most: 6, Seed: 1}.Run(t, h))
}
