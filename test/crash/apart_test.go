package crash

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Commands beside the hub have caches of their own. What a killed one leaves is removed by the next command and by the next
// start of the hub; what a living one uses is not, until it ends.
func TestKilledCommandsLeaveNoCaches(t *testing.T) {
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	h.Kill()
	killed, dir := stopped(t, h)
	kill(killed)
	is(t, dir, true)
	live, used := stopped(t, h)
	is(t, dir, false)
	h.Run(t, "", "fsck")
	is(t, used, true)

	killed, dir = stopped(t, h)
	kill(killed)
	is(t, dir, true)
	h.MustStart(t)
	within(t, func() bool { return absent(dir) && absent(dir+".lock") }, "the start has not removed "+dir)
	is(t, used, true)
	kill(live)
	h.Run(t, "", "fsck")
	if left, err := filepath.Glob(filepath.Join(h.Data, "cache", "apart-*")); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
}

// stopped starts cairn fsck and stops it when it asks its store, which does not answer. It returns the command and the folder
// that it has made.
func stopped(t *testing.T, h *Hub) (*exec.Cmd, string) {
	t.Helper()
	bin, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	before := folders(t, h)
	cmd := exec.Command(bin, "fsck", "--orphans", "--data", h.Data)
	cmd.Env = append(h.Environ(), "CAIRN_BLOB_URL=s3://bucket?region=here&access_key=a&secret_key=b&endpoint=http://"+silent.Addr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	_ = silent.(*net.TCPListener).SetDeadline(time.Now().Add(startTime))
	asked, err := silent.Accept()
	if err != nil {
		t.Fatal("the command has not asked its store:", err)
	}
	t.Cleanup(func() { asked.Close() })
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil { // else it would give up some time
		t.Fatal(err)
	}
	made := slices.DeleteFunc(folders(t, h), func(dir string) bool { return slices.Contains(before, dir) })
	if len(made) != 1 {
		t.Fatal("the command has made", made)
	}
	return cmd, made[0]
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// folders are those of commands.
func folders(t *testing.T, h *Hub) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(h.Data, "cache", "apart-*"))
	if err != nil {
		t.Fatal(err)
	}
	dirs := list[:0]
	for _, path := range list {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			dirs = append(dirs, path)
		}
	}
	return dirs
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}

func is(t *testing.T, dir string, there bool) {
	t.Helper()
	if absent(dir) == there {
		t.Errorf("%s is there: %v, expected %v", dir, !there, there)
	}
}

func within(t *testing.T, done func() bool, otherwise string) {
	t.Helper()
	for deadline := time.Now().Add(startTime); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}
