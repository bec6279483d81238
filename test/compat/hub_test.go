package compat

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

// binaryVariable names a built hub to test, from the root of the repository; without it the tests build one.
const binaryVariable = "CAIRN_TEST_BINARY"

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryVariable); filepath.IsAbs(path) {
		return path, nil
	} else if path != "" {
		return filepath.Abs(filepath.Join("../..", path))
	}
	return program.Cairn(buildDir)
})

// buildDir outlives single tests, so it is not one of theirs.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "cairn-compat-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	for _, race := range program.Races(buildDir) {
		fmt.Fprintln(os.Stderr, race)
		code = max(code, 1)
	}
	_ = os.RemoveAll(buildDir)
	if err := report.write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// hub is a running hub, as its first start describes itself.
type hub struct {
	endpoint string
	token    string // of the administrator whom the first start made
	env      []string
	data     string
	log      string
	process  *exec.Cmd
	expects  string // what lines about errors may speak of
}

// start serves an empty folder on a free port and stops with the test, which fails if the hub does not end well.
func start(t *testing.T, env ...string) *hub {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &hub{env: env, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log")}
	log, err := os.Create(h.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h.process = exec.Command(bin, "serve", "--data", h.data, "--listen", "localhost:0")
	h.process.Env = append(os.Environ(), env...)
	h.process.Stderr = log
	out, err := h.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.stop(t) })
	h.read(t, out)
	return h
}

// read takes address and token from the lines that a user would paste.
func (h *hub) read(t *testing.T, out io.Reader) {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() { _ = h.process.Process.Kill() })
	defer late.Stop()
	lines := bufio.NewScanner(out)
	for h.token == "" && lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if v, ok := strings.CutPrefix(line, "export HF_ENDPOINT="); ok {
			h.endpoint = v
		}
		if v, ok := strings.CutPrefix(line, "export HF_TOKEN="); ok {
			h.token = v
		}
	}
	if h.endpoint == "" || h.token == "" {
		t.Fatalf("the first start printed no export lines; its log:\n%s", h.tail(40))
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // ends with the process
}

// stop asks the hub to end and checks that it drains in time and never failed by its own account: it logs as errors what
// it answers with a status of 500 and above, other than the refusal of what it does not serve.
// Before that, fsck is to have no complaint about what all the clients have stored.
func (h *hub) stop(t *testing.T) {
	if h.process.ProcessState == nil && h.process.Process.Signal(syscall.Signal(0)) == nil {
		h.fsck(t)
	}
	_ = h.process.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(45*time.Second, func() { _ = h.process.Process.Kill() })
	defer late.Stop()
	if err := h.process.Wait(); err != nil {
		t.Errorf("the hub did not end well: %v", err)
	}
	said, err := os.ReadFile(h.log)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(said)) {
		expected := h.expects != "" && strings.Contains(line, h.expects)
		if strings.Contains(line, "level=ERROR") && !expected || strings.HasPrefix(line, "panic:") {
			t.Errorf("the hub's log: %s", line)
		}
	}
	if t.Failed() {
		t.Logf("the hub's last lines:\n%s", h.tail(60))
	}
}

// fsck proves all that is stored, down to the last byte.
func (h *hub) fsck(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.process.Path, "fsck", "--read-data", "--sha256", "--data", h.data)
	cmd.Env = append(os.Environ(), h.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}

// run gives the command line an order, while the hub serves, and returns what it printed.
func (h *hub) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.process.Path, append(args, "--data", h.data)...)
	cmd.Env = append(os.Environ(), h.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cairn %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newToken makes a token whose value the caller chooses, as an importer does.
func (h *hub) newToken(t *testing.T, user, role, value string) {
	t.Helper()
	cmd := exec.Command(h.process.Path, "token", "create", user, "--name", role, "--role", role, "--value-stdin", "--data", h.data)
	cmd.Env = append(os.Environ(), h.env...)
	cmd.Stdin = strings.NewReader(value + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cairn token create: %v\n%s", err, out)
	}
}

func (h *hub) tail(n int) string {
	b, _ := os.ReadFile(h.log)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
