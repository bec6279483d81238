//go:build torture

package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// F11, the time: a whole backup, each byte checked, takes at most one and a half times as long as cp -r of the same bytes and a
// sync of them. Large objects and many small ones are measured each by themselves, in turns with cp.
func TestBackupAgainstCopy(t *testing.T) {
	for _, shape := range []struct {
		name        string
		files, size int
	}{{"large objects", 12, 48 << 20}, {"small objects", 4000, 30_000}} {
		t.Run(shape.name, func(t *testing.T) {
			dir := t.TempDir()
			h := crash.NewHub(t, filepath.Join(dir, "data"))
			h.MustStart(t)
			fillLarge(t, h, shape.files, shape.size)
			var copies, backups []time.Duration
			for range 3 {
				copies = append(copies, timed(t, dir, "cp", "-r", filepath.Join(h.Data, "blobs"), filepath.Join(h.Data, "cairn.db"), "out"))
				bin, err := crash.Binary()
				if err != nil {
					t.Fatal(err)
				}
				backups = append(backups, timed(t, dir, bin, "backup", "out", "--data", h.Data))
			}
			slices.Sort(copies)
			slices.Sort(backups)
			ratio := float64(backups[1]) / float64(copies[1])
			t.Logf("cp -r and sync %v, backup %v: ratio %.2f", copies, backups, ratio)
			if ratio > 1.5 {
				t.Errorf("a backup takes %.2f times as long as a copy", ratio)
			}
		})
	}
}

// fillLarge commits files of bytes that do not compress, each a xorb of its own or several.
func fillLarge(t *testing.T, h *crash.Hub, files, size int) {
	c := crash.NewClient(h)
	if a := c.CreateRepo("bulk"); !a.OK() {
		t.Fatal(a)
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range files {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if a := c.PutXet(t, "bulk", xetstoretest.Random(uint64(i), size)); !a.OK() {
				t.Error(a)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// timed runs a command that writes to a new folder "out" in dir, and a sync of it, and removes what it wrote.
func timed(t *testing.T, dir, name string, args ...string) time.Duration {
	out := filepath.Join(dir, "out")
	if err := os.MkdirAll(out, 0o700); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, cmd := range [][]string{append([]string{name}, args...), {"sync", "-f", "out"}} {
		c := exec.Command(cmd[0], cmd[1:]...)
		c.Dir = dir
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, said)
		}
	}
	took := time.Since(begun)
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	return took
}
