package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Disk is a disk whose power can be cut: an ext4 file system in an image, which lies in an XFS that clones files in an instant. A clone
// that is taken while the disk is in use holds what the system had handed to it then; what was only in the page cache is gone, as it is
// when the power goes. ext4 writes its journal every ten minutes unless it is told to, so that nothing is on the disk by luck.
type Disk struct{ dir string }

// NewDisk makes a disk of some megabytes, which goes with the test. It needs root, loop devices and mkfs.xfs.
func NewDisk(t testing.TB, dir string, megabytes int) *Disk {
	t.Helper()
	d := &Disk{dir}
	t.Cleanup(func() {
		for _, mounted := range []string{d.Path(), d.host()} {
			_ = exec.Command("umount", "-l", mounted).Run()
		}
	})
	for _, sub := range []string{d.Path(), d.host()} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.run(t, "truncate", "-s", fmt.Sprintf("%dM", 3*megabytes), d.dir+"/host.img")
	d.run(t, "mkfs.xfs", "-q", "-m", "reflink=1", d.dir+"/host.img")
	d.run(t, "mount", "-o", "loop", d.dir+"/host.img", d.host())
	d.run(t, "truncate", "-s", fmt.Sprintf("%dM", megabytes), d.image())
	d.run(t, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image())
	d.mount(t)
	return d
}

// Path is the folder where the disk is mounted.
func (d *Disk) Path() string  { return filepath.Join(d.dir, "disk") }
func (d *Disk) host() string  { return filepath.Join(d.dir, "host") }
func (d *Disk) image() string { return filepath.Join(d.host(), "disk.img") }

func (d *Disk) mount(t testing.TB) {
	d.run(t, "mount", "-o", "loop,commit=600", d.image(), d.Path())
}

// Cut takes what is on the disk at this instant. Replace then puts that in the place of the disk, which nobody may use any more.
func (d *Disk) Cut(t testing.TB) {
	t.Helper()
	d.run(t, "cp", "--reflink=always", d.image(), d.image()+".cut")
}

// Replace mounts what Cut has taken.
func (d *Disk) Replace(t testing.TB) {
	t.Helper()
	d.run(t, "umount", d.Path())
	if err := os.Rename(d.image()+".cut", d.image()); err != nil {
		t.Fatal(err)
	}
	d.mount(t)
}

func (d *Disk) run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// PowerCuts cuts the power of a hub's disk under load, again and again.
type PowerCuts struct {
	Cuts        int
	Least, Most time.Duration // how long the load runs before
	Seed        uint64
}

// Run does it on a hub whose folder is on the disk and that is not running, and leaves it running.
func (p PowerCuts) Run(t testing.TB, d *Disk, h *Hub) Result {
	t.Helper()
	out := Result{Ledger: NewLedger()}
	l := out.Ledger
	rng := rand.New(rand.NewPCG(p.Seed, 2))
	h.MustStart(t)
	Setup(t, NewClient(h), l)
	for cut := 1; cut <= p.Cuts; cut++ {
		c := NewClient(h)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); Load(ctx, t, c, l, cut) }()
		time.Sleep(p.Least + time.Duration(rng.Int64N(int64(p.Most-p.Least))))
		c.Close()
		l.Freeze() // what was acknowledged until now has to be on the disk that is taken next
		d.Cut(t)
		stop()
		h.Kill()
		<-done
		l.Thaw()
		complain(t, cut, c.Complaints())
		d.Replace(t)
		out.Restarts = append(out.Restarts, h.MustStart(t))
		c = NewClient(h)
		complain(t, cut, l.Check(c, cut == p.Cuts || cut%20 == 0))
		complain(t, cut, c.Complaints())
		complain(t, cut, condition(h))
		if cut == p.Cuts || cut%10 == 0 {
			h.Run(t, "", "fsck", "--read-data")
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	return out
}
