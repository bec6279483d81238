package crash

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTime bounds a start.
const startTime = 30 * time.Second

// Hub is a hub in a process of its own on a data folder. It outlives its process: Start may be called again.
type Hub struct {
	Data   string
	URL    string   // another one after each start
	Token  string   // of the administrator whom the first start made
	Files  int      // descriptors that the process may open; 0: as many as this one
	Listen string   // address; empty: any free one
	Under  []string // a program and its arguments to run the process under, such as a tracer

	env     []string
	log     string
	process *exec.Cmd
	adopted int       // the process that has taken over from the one that was started
	started time.Time // of the last process
}

// NewHub prepares a hub on a folder that may be absent. The process ends with the test at the latest.
func NewHub(t testing.TB, data string, env ...string) *Hub {
	h := &Hub{Data: data, env: env, log: filepath.Join(t.TempDir(), "log")}
	t.Cleanup(func() {
		h.Kill()
		for _, race := range races() {
			t.Error(race)
		}
		if t.Failed() {
			t.Logf("the hub's last lines:\n%s", h.Tail(40))
		}
	})
	return h
}

// Begin starts the process and does not wait for it to be ready.
func (h *Hub) Begin() (io.Reader, error) {
	bin, err := binary()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := []string{bin}
	if h.Files > 0 {
		args = []string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, h.Files), bin}
	}
	args = append(slices.Clone(h.Under), args...)
	serve := []string{"serve", "--data", h.Data, "--listen", cmp.Or(h.Listen, "127.0.0.1:0"), "--log-level", "warn"}
	p := exec.Command(args[0], append(args[1:], serve...)...)
	p.Env = append(os.Environ(), h.env...)
	p.Stderr = log
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.started = time.Now()
	if err := p.Start(); err != nil {
		return nil, err
	}
	h.process = p
	return out, nil
}

// Start starts the process and returns how long it took until the hub answered that it is ready.
func (h *Hub) Start() (time.Duration, error) {
	out, err := h.Begin()
	if err != nil {
		return 0, err
	}
	p := h.process
	late := time.AfterFunc(startTime, func() { _ = p.Process.Kill() })
	defer late.Stop()
	lines := bufio.NewScanner(out)
	h.URL = ""
	for (h.URL == "" || h.Token == "") && lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if _, url, ok := strings.Cut(line, " serves "); ok {
			h.URL = url
		}
		if v, ok := strings.CutPrefix(line, "export HF_TOKEN="); ok {
			h.Token = v
		}
	}
	if h.URL != "" && h.Listen != "" { // it may say another that it is known by
		h.URL = "http://" + h.Listen
	}
	if h.URL == "" || h.Token == "" {
		h.Kill()
		return 0, fmt.Errorf("the hub did not start; its log:\n%s", h.Tail(40))
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // ends with the process
	for time.Since(h.started) < startTime {
		resp, err := http.Get(h.URL + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(h.started), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("the hub was not ready within %s; its log:\n%s", startTime, h.Tail(40))
}

// MustStart is Start for a hub that has to come up.
func (h *Hub) MustStart(t testing.TB) time.Duration {
	t.Helper()
	took, err := h.Start()
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// PID is the process's number.
func (h *Hub) PID() int {
	if h.adopted != 0 {
		return h.adopted
	}
	return h.process.Process.Pid
}

// HandOver has the hub restart itself with its sockets handed over, and returns how long it took until the old process
// had ended.
func (h *Hub) HandOver(within time.Duration) (time.Duration, error) {
	old, begun := h.PID(), time.Now()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return 0, err
	}
	for ; alive(old); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > within {
			return 0, fmt.Errorf("process %d goes on after %s; the hub's log:\n%s", old, within, h.Tail(20))
		}
	}
	if h.process != nil {
		if err := h.process.Wait(); err != nil {
			return 0, fmt.Errorf("the old process: %w", err)
		}
		h.process = nil
	}
	b, err := os.ReadFile(filepath.Join(h.Data, "cairn.lock"))
	if err == nil {
		h.adopted, err = strconv.Atoi(strings.TrimSpace(string(b)))
	}
	if err == nil && (h.adopted == old || !alive(h.adopted)) {
		err = fmt.Errorf("process %d has ended and no other serves", old)
	}
	return time.Since(begun), err
}

// alive is false for what is only waited for by its parent.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(state, "Z")
}

// Environ is the environment that the hub's programs run in.
func (h *Hub) Environ() []string { return append(os.Environ(), h.env...) }

// Run gives the command line an order beside the hub and returns what it printed.
func (h *Hub) Run(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	out, err := h.order(2*startTime, stdin, args)
	if err != nil {
		t.Fatalf("cairn %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Try is Run for an order that may fail, and may take some minutes.
func (h *Hub) Try(args ...string) (string, error) { return h.order(5*time.Minute, "", args) }

func (h *Hub) order(within time.Duration, stdin string, args []string) (string, error) {
	bin, err := binary()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append(args, "--data", h.Data)...)
	cmd.Env, cmd.Stdin = append(os.Environ(), h.env...), strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Kill ends the process as a power button would.
func (h *Hub) Kill() {
	if h.adopted != 0 {
		for _ = syscall.Kill(h.adopted, syscall.SIGKILL); alive(h.adopted); time.Sleep(5 * time.Millisecond) {
		}
		h.adopted = 0
	}
	if h.process == nil {
		return
	}
	_ = h.process.Process.Kill()
	_ = h.process.Wait()
	h.process = nil
}

// Stop asks the process to end and returns how long that took, and an error when it did not end well.
func (h *Hub) Stop(within time.Duration) (time.Duration, error) {
	p := h.process
	h.process = nil
	begun := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	late := time.AfterFunc(within, func() { _ = p.Process.Kill() })
	defer late.Stop()
	err := p.Wait()
	return time.Since(begun), err
}

// Tail is the end of the hub's log.
func (h *Hub) Tail(n int) string {
	b, _ := os.ReadFile(h.log)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Leftovers are the temporary files below the data folder that are older than the process that now runs and that it does
// not remove: it does so in the background.
func (h *Hub) Leftovers() (old []string, err error) {
	for begun := time.Now(); time.Since(begun) < startTime; time.Sleep(20 * time.Millisecond) {
		all, err := h.Temporaries()
		if err != nil {
			return nil, err
		}
		old = slices.DeleteFunc(all, func(path string) bool {
			info, err := os.Stat(path)
			return err != nil || !info.ModTime().Before(h.started)
		})
		if len(old) == 0 {
			break
		}
	}
	return old, nil
}

// Temporaries are all temporary files below the data folder: those in a folder named tmp or upload, and those whose
// names say so.
func (h *Hub) Temporaries() (found []string, err error) {
	err = filepath.WalkDir(h.Data, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		dir, name := filepath.Base(filepath.Dir(path)), d.Name()
		for _, prefix := range []string{"upload-", "spool-", "fetch-", "cairn-upload-", ".doctor-"} {
			if strings.HasPrefix(name, prefix) || dir == "tmp" || dir == "upload" {
				found = append(found, path)
				break
			}
		}
		return nil
	})
	return found, err
}

// memory reads a line of /proc/PID/status in bytes.
func (h *Hub) memory(field string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.process.Process.Pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(v, " kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

// Watch samples the process's resident memory each 50 ms until the returned function is called, which gives the highest
// sample and the kernel's own high-water mark since the process began.
func (h *Hub) Watch() (end func() (peak, highWater int64)) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int64)
	go func() {
		var peak int64
		for ctx.Err() == nil {
			peak = max(peak, h.memory("VmRSS"))
			time.Sleep(50 * time.Millisecond)
		}
		done <- peak
	}()
	return func() (int64, int64) {
		stop()
		return <-done, h.memory("VmHWM")
	}
}

// Metric reads one value of the hub's metrics, -1 when it is not there.
func (h *Hub) Metric(name string) float64 {
	c := NewClient(h)
	defer c.HTTP.CloseIdleConnections() // it counts itself
	a := c.Do(http.MethodGet, "/metrics", nil)
	for _, line := range strings.Split(string(a.Body), "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseFloat(v, 64)
			return n
		}
	}
	return -1
}
