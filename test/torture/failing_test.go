//go:build torture

package torture

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

// A thousand times system calls begin to fail; a new hub after each hundred.
func TestManyFailingCalls(t *testing.T) {
	const perHub = 100
	faults := 1000
	if n, err := strconv.Atoi(os.Getenv(roundsVariable)); err == nil {
		faults = n
	}
	for n := 0; n < faults; n += perHub {
		dir, err := os.MkdirTemp("", "cairn-failing-") //nolint:usetesting // gone before the next hub fills one
		if err != nil {
			t.Fatal(err)
		}
		h := crash.NewHub(t, filepath.Join(dir, "data"))
		t.Log(crash.Failing{Faults: min(perHub, faults-n), PerStart: 5, Load: 300 * time.Millisecond, Most: 40, Seed: uint64(n / perHub)}.Run(t, h))
		h.Kill()
		_ = os.RemoveAll(dir)
	}
}
