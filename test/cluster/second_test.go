package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

// F9, embedded: a second hub on a folder that is served ends at once and says why in one line; the first is unharmed, also
// by commands that work beside it.
func TestSecondHubOnOneFolder(t *testing.T) {
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	l := crash.NewLedger()
	crash.Setup(t, crash.NewClient(h), l)
	ctx, stop := context.WithCancel(context.Background())
	loaded := make(chan struct{})
	c := crash.NewClient(h)
	go func() { defer close(loaded); crash.Load(ctx, t, c, l, 1) }()
	took := refused(t, h)
	h.Run(t, "", "gc")
	h.Run(t, "", "user", "list")
	stop()
	<-loaded
	for _, w := range append(append(l.Check(crash.NewClient(h), true), c.Complaints()...), h.CheckAudit()...) {
		t.Error(w)
	}
	if l.Acknowledged == 0 {
		t.Error("there was no load")
	}
	t.Logf("the second hub ended after %d ms; %d operations of the first acknowledged, lost 0", took.Milliseconds(), l.Acknowledged)
}

// refused starts a second hub and returns when it had ended. It counts the processor's time, not the clock's: the machine
// may be busy with other things.
func refused(t *testing.T, h *crash.Hub) time.Duration {
	t.Helper()
	bin, err := crash.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	second := exec.CommandContext(ctx, bin, "serve", "--data", h.Data, "--listen", "127.0.0.1:0")
	out, err := second.CombinedOutput()
	want := fmt.Sprintf("cairn: another cairn (process %d) already serves %s: stop it first, or choose another folder with --data\n", h.PID(), h.Data)
	if err == nil || string(out) != want {
		t.Errorf("a second hub: %v, %q, want %q", err, out, want)
	}
	took := second.ProcessState.UserTime() + second.ProcessState.SystemTime()
	if took > time.Second {
		t.Errorf("the second hub took %s to find out", took)
	}
	return took
}

// A restart that goes wrong harms nobody: the process that was to take over says why it did not, and the old one goes on.
// What was wrong may be put right, and the next restart takes the new settings over. The folder is never free meanwhile.
func TestRestartThatFails(t *testing.T) {
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	c := crash.NewClient(h)
	settings := filepath.Join(h.Data, "cairn.yaml")
	if err := os.WriteFile(settings, []byte("no-such-setting: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := h.PID()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); !strings.Contains(h.Tail(10), "did not come up"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody says that the restart failed")
		}
	}
	if said := h.Tail(10); !strings.Contains(said, `there is no setting "no-such-setting"`) {
		t.Error(said)
	}
	if a := c.CreateRepo("still-here"); !a.OK() {
		t.Error(a)
	}
	if err := os.WriteFile(settings, []byte("site-name: After the restart\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, h)
	if _, err := h.HandOver(handOverTime); err != nil {
		t.Fatal(err)
	}
	if a := crash.NewClient(h).Do("GET", "/api/whoami-v2", nil); !a.OK() || !strings.Contains(string(a.Body), "After the restart") || h.PID() == old {
		t.Error(a)
	}
	refused(t, h)
}
