//go:build torture

package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

// The power of the disk is cut a hundred times under load: all that was acknowledged before is there.
func TestPowerCuts(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("cutting the power needs root on Linux: it mounts images")
	}
	if _, err := exec.LookPath("mkfs.xfs"); err != nil {
		t.Skip("cutting the power needs a file system that clones files; install xfsprogs:", err)
	}
	cuts := 100
	if n, err := strconv.Atoi(os.Getenv(roundsVariable)); err == nil {
		cuts = n
	}
	const perDisk = 25
	var total crash.Result
	for n := 0; n < cuts; n += perDisk {
		t.Run(strconv.Itoa(n), func(t *testing.T) { // its disk goes at its end
			d := crash.NewDisk(t, t.TempDir(), 700)
			h := crash.NewHub(t, filepath.Join(d.Path(), "data"))
			t.Cleanup(h.Kill)
			p := crash.PowerCuts{Cuts: min(perDisk, cuts-n), Least: 200 * time.Millisecond, Most: 1500 * time.Millisecond, Seed: uint64(n)}
			total.Add(p.Run(t, d, h))
			t.Log(total)
		})
	}
}
