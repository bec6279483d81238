package crash

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

const (
	diskSize   = 64 << 20
	fillerSize = 24 << 20
)

// TestDiskFull fills the disk under the data folder: writes are refused with 507 or 503 and leave nothing, reads go on,
// and writes go on once there is room.
func TestDiskFull(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root on Linux")
	}
	dir := t.TempDir()
	if err := mountSmall(dir, diskSize); err != nil {
		t.Skip("mounting a small file system is not allowed here:", err)
	}
	t.Cleanup(func() { unmount(dir) })
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, fillerSize), 0o600); err != nil {
		t.Fatal(err)
	}
	h := NewHub(t, filepath.Join(dir, "data"))
	t.Cleanup(h.Kill) // before the folder goes
	h.MustStart(t)
	f := &filling{t: t, c: NewClient(h), l: NewLedger(), refused: map[int]int{}}
	Setup(t, f.c, f.l)

	f.fill()
	t.Logf("full: %d operations acknowledged, refusals by status %v", f.l.Acknowledged, f.refused)
	f.check(h, "while full")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	for n := 0; ; n++ {
		if f.small(100_000+n) && f.large(100_000+n, (*Client).PutLFS) {
			break
		}
		if time.Since(freed) > 30*time.Second {
			t.Fatal("writes do not go on though there is room")
		}
	}
	t.Logf("writes went on %d ms after there was room", time.Since(freed).Milliseconds())
	f.check(h, "after there was room")
	h.Kill()
	h.MustStart(t)
	f.c = NewClient(h)
	f.check(h, "after a restart")
	complain(t, 0, condition(h))
}

// TestInodesFull takes the names away instead of the room: uploads of large files, which become files, are refused; small ones, which are rows,
// go on; and so do the large ones once there are names.
func TestInodesFull(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root on Linux")
	}
	dir := t.TempDir()
	if err := mountInodes(dir, 120, false); err != nil {
		t.Skip("mounting a small file system is not allowed here:", err)
	}
	t.Cleanup(func() { unmount(dir) })
	h := NewHub(t, filepath.Join(dir, "data"))
	t.Cleanup(h.Kill) // before the folder goes
	h.MustStart(t)
	f := &filling{t: t, c: NewClient(h), l: NewLedger(), refused: map[int]int{}}
	Setup(t, f.c, f.l)
	xet := func(c *Client, repo string, data []byte) Answer { return c.PutXet(f.t, repo, data) }
	for n, full := 0, 0; full < 10; n++ {
		if !f.large(2*n, (*Client).PutLFS) || !f.large(2*n+1, xet) {
			full++
		}
		if n > 200 {
			t.Fatal("the names do not run out")
		}
	}
	t.Logf("full: %d operations acknowledged, refusals by status %v", f.l.Acknowledged, f.refused)
	if !f.small(1) {
		t.Error("a small file, which needs no name on the disk, is refused")
	}
	f.check(h, "without names")
	if err := mountInodes(dir, 4000, true); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	for n := 0; !f.large(100_000+n, (*Client).PutLFS); n++ {
		if time.Since(freed) > 30*time.Second {
			t.Fatal("writes do not go on though there are names")
		}
	}
	t.Logf("writes went on %d ms after there were names", time.Since(freed).Milliseconds())
	f.check(h, "after there were names")
	h.Kill()
	h.MustStart(t)
	f.c = NewClient(h)
	f.check(h, "after a restart")
	complain(t, 0, condition(h))
}

// filling writes to a hub whose disk is small.
type filling struct {
	t       *testing.T
	c       *Client
	l       *Ledger
	refused map[int]int // status → how often
}

// fill writes files of every kind until each has been refused some times.
func (f *filling) fill() {
	xet := func(c *Client, repo string, data []byte) Answer { return c.PutXet(f.t, repo, data) }
	tries := 0
	for full := 0; full < 15; tries++ {
		ok := f.large(2*tries, (*Client).PutLFS)
		ok = f.large(2*tries+1, xet) && ok
		ok = f.small(tries) && ok
		if !ok {
			full++
		}
		if tries > 300 {
			f.t.Fatal("the disk does not fill")
		}
	}
	// Small ones go on where large ones do not fit: until the database has no room either.
	for n := 0; n < 4000 && f.refused[http.StatusInsufficientStorage] < 60; n++ {
		f.small(10_000 + n)
	}
}

func (f *filling) large(n int, put func(*Client, string, []byte) Answer) bool {
	data := xetstoretest.Random(uint64(n), 700_000)
	if a := put(f.c, repoLarge, data); !f.took(a) {
		return false
	}
	return f.commit(repoLarge, Change{Path: numbered("large", n), Data: data, Large: true})
}

func (f *filling) small(n int) bool {
	return f.commit(reposSmall[0], Change{Path: numbered("small", n), Data: xetstoretest.Random(uint64(n), 20_000)})
}

func (f *filling) commit(repo string, files ...Change) bool {
	return f.took((&writer{c: f.c, l: f.l}).commit(repo, "main", files))
}

// took notes a refusal; any but the two that fit is an error.
func (f *filling) took(a Answer) bool {
	if a.OK() {
		return true
	}
	f.refused[a.Status]++
	if a.Status != http.StatusInsufficientStorage && a.Status != http.StatusServiceUnavailable {
		f.t.Errorf("on a full disk: %s", a)
	}
	return false
}

// check reads everything and looks for files left over.
func (f *filling) check(h *Hub, when string) {
	f.t.Helper()
	for _, w := range f.l.Check(f.c, true) {
		f.t.Errorf("%s: %s", when, w)
	}
	left, err := h.Temporaries()
	if err != nil || len(left) > 0 {
		f.t.Errorf("%s: temporary files %v %v", when, left, err)
	}
}

func numbered(kind string, n int) string { return fmt.Sprintf("%s/%06d", kind, n) }
