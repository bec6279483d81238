package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/testhub/program"
	"github.com/cairnhub/cairn/test/crash"
)

// Nodes is how many hubs there are.
const Nodes = 3

// Cluster is the example of deploy/three-nodes, running.
type Cluster struct {
	Dir   string
	URL   string // the balancer's
	Token string // of the administrator

	base   int
	ledger *crash.Ledger
	rounds int       // of the load, so that names are used once
	leash  io.Closer // ends the cluster with this process, in whatever way
}

// scripts is the folder of the example.
func scripts() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../deploy/three-nodes")
}

// watchdog ends what the scripts started when its input ends.
const watchdog = `read -r _; "$1/down.sh" "$2" >/dev/null 2>&1; rm -rf "$2"`

func binaryUnderTest(t testing.TB) string {
	t.Helper()
	bin, err := crash.Binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Start starts it in a folder of the test's.
func Start(t testing.TB) *Cluster {
	t.Helper()
	return StartWith(t, binaryUnderTest(t))
}

// StartWith starts it with nodes of another version.
func StartWith(t testing.TB, bin string) *Cluster {
	t.Helper()
	gateway, err := program.S3.Path()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "cairn-nodes-") //nolint:usetesting // another user's process must reach it
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Dir: dir, base: freePorts(t)}
	guard := exec.Command("/bin/sh", "-c", watchdog, "watchdog", scripts(), dir)
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.leash, err = guard.StdinPipe(); err == nil {
		err = guard.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.tell(t)
		}
		_ = c.leash.Close()
		_ = guard.Wait()
	})
	env := []string{"CAIRN=" + bin, "VERSITYGW=" + gateway, "BASE_PORT=" + strconv.Itoa(c.base), "POSTGRES_OPTIONS=-c fsync=off"}
	if out, err := c.script(env, "up.sh", dir); err != nil {
		t.Fatalf("up.sh: %v\n%s", err, out)
	}
	token, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	c.URL, c.Token = fmt.Sprintf("http://127.0.0.1:%d", c.base), strings.TrimSpace(string(token))
	return c
}

func (c *Cluster) script(env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(scripts(), name), args...)
	cmd.Env = append(os.Environ(), env...)
	log, err := os.CreateTemp("", "cairn-nodes-") // no pipe: what the script leaves running would keep it open
	if err != nil {
		return "", err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	out, _ := os.ReadFile(log.Name())
	return string(out), err
}

// Node gives one node an order: start, stop, kill, restart.
func (c *Cluster) Node(t testing.TB, n int, order string) {
	t.Helper()
	if out, err := c.script(nil, "node.sh", c.Dir, strconv.Itoa(n), order); err != nil {
		t.Fatalf("node %d, %s: %v\n%s", n, order, err, out)
	}
}

// NodeURL is where one node is reached past the balancer.
func (c *Cluster) NodeURL(n int) string { return fmt.Sprintf("http://127.0.0.1:%d", c.base+10+n) }

// Await waits until a node is ready.
func (c *Cluster) Await(t testing.TB, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(c.NodeURL(n) + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("node %d is not ready", n)
		}
	}
}

// Client speaks through the balancer, with the patience of stock clients.
func (c *Cluster) Client() *crash.Client {
	return &crash.Client{URL: c.URL, Token: c.Token, Tries: 6, Proxied: true, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
}

// Ledger is what the cluster has to hold; the load's repositories are there.
func (c *Cluster) Ledger(t testing.TB) *crash.Ledger {
	if c.ledger == nil {
		c.ledger = crash.NewLedger()
		crash.Setup(t, c.Client(), c.ledger)
	}
	return c.ledger
}

// load runs the writers of test/crash until ctx ends, beginning anew when connections have broken.
func (c *Cluster) load(ctx context.Context, t testing.TB, client *crash.Client) {
	for ctx.Err() == nil {
		c.rounds++
		crash.Load(ctx, t, client, c.ledger, c.rounds)
	}
}

// Env is what a command of cairn needs to work on the cluster's database and store.
func (c *Cluster) Env(t testing.TB) (env []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.Dir, "settings"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if kv, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(kv, "=")
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}

// openDB opens the cluster's database beside the nodes.
func (c *Cluster) openDB(t testing.TB) *db.DB {
	t.Helper()
	for _, kv := range c.Env(t) {
		if url, ok := strings.CutPrefix(kv, "CAIRN_DATABASE_URL="); ok {
			return dbtest.Open(t, url)
		}
	}
	t.Fatal("no database in the settings")
	return nil
}

// tell prints the ends of the logs.
func (c *Cluster) tell(t testing.TB) {
	logs, _ := filepath.Glob(filepath.Join(c.Dir, "log", "*.log"))
	for _, path := range logs {
		b, _ := os.ReadFile(path)
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		if strings.HasPrefix(filepath.Base(path), "node") {
			lines = slices.DeleteFunc(lines, func(s string) bool { return strings.Contains(s, "level=INFO") })
		}
		t.Logf("the end of %s:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
}

// freePorts finds the first of a row of ports that nobody uses now.
func freePorts(t testing.TB) int {
	t.Helper()
	for range 50 {
		_, port, _ := net.SplitHostPort(freeAddress(t))
		base, _ := strconv.Atoi(port)
		base = 20000 + base%10000 // below those that the system gives to clients
		if free(base, base+32) {
			return base
		}
	}
	t.Fatal("no row of free ports")
	return 0
}

func free(from, to int) bool {
	for p := from; p < to; p++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return false
		}
		_ = ln.Close()
	}
	return true
}
