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
	d := crash.NewDisk(t, t.TempDir(), 700)
	h := crash.NewHub(t, filepath.Join(d.Path(), "data"))
	t.Cleanup(h.Kill)
	t.Log(crash.PowerCuts{Cuts: cuts, Least: 200 * time.Millisecond, Most: 1500 * time.Millisecond, Seed: 1}.Run(t, d, h))
}
