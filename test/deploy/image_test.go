package deploy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/testhub/program"
	"github.com/cairnhub/cairn/test/crash"
)

// jail runs a program in the image's file system as docker run --read-only --tmpfs /tmp does: the root cannot be written
// to, there are devices, and the user is the image's.
const jail = `
set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
mount --bind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -o remount,ro,bind "$1"
root=$1
shift 2
exec chroot --userspec=65532:65532 "$root" "$@"
`

type image struct{ root, data string }

// newImage lays out the image with the script that the Dockerfile calls.
func newImage(t *testing.T) *image {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("entering another root needs root on Linux")
	}
	hub := crash.Binary
	if program.Raced { // that one needs a C library, which the image does not have
		hub = func() (string, error) { return program.Shipped(t.TempDir()) }
	}
	bin, err := hub()
	if err != nil {
		t.Fatal(err)
	}
	m := &image{root: filepath.Join(t.TempDir(), "root"), data: t.TempDir()}
	if out, err := exec.Command("../../deploy/docker/rootfs.sh", bin, m.root).CombinedOutput(); err != nil {
		t.Fatalf("rootfs.sh: %v\n%s", err, out)
	}
	for dir := m.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) { // the image's user passes through
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // it is a root folder
			t.Fatal(err)
		}
	}
	if err := os.Chown(m.data, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *image) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--propagation", "private", "sh", "-c", jail, "jail", m.root, m.data}, args...)...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}, env...)
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// TestImage serves from the image's file system with the environment that the Dockerfile sets, and has git push to it and
// clone from it.
func TestImage(t *testing.T) {
	m := newImage(t)
	if out, err := exec.Command("find", m.root, "-xdev", "-perm", "/6000").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("programs with a set user or group: %s (%v)", out, err)
	}
	if _, err := os.Stat(filepath.Join(m.root, "bin/sh")); err == nil {
		t.Error("the image has a shell")
	}
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hub := m.command(ctx, []string{"CAIRN_DATA=/data", "CAIRN_LISTEN=" + address}, "/usr/bin/cairn", "serve")
	var out, log strings.Builder
	hub.Stdout, hub.Stderr = &out, &log
	hub.Cancel = func() error { return hub.Process.Signal(os.Interrupt) }
	hub.WaitDelay = time.Minute
	if err := hub.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if stop(); !ended {
			_ = hub.Wait()
		}
		if t.Failed() {
			t.Logf("the hub said:\n%s%s", out.String(), log.String())
		}
	}()
	ready(t, "http://"+address+"/readyz")
	token := first(t, m)
	push(t, address, token)
	stop()
	if err := hub.Wait(); err != nil && !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("the hub ended with %v", err)
	}
	ended = true
	files, err := filepath.Glob(filepath.Join(m.root, "data", "*"))
	if err != nil || len(files) > 0 {
		t.Errorf("written to the image itself: %v (%v)", files, err)
	}
}

func ready(t *testing.T, url string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get(url); err == nil { //nolint:gosec // the test's own hub
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatal("the hub does not become ready")
}

var tokenForm = regexp.MustCompile(`hf_[A-Za-z0-9_]+`)

// first makes a token for the first user beside the running hub, from within the image.
func first(t *testing.T, m *image) string {
	t.Helper()
	out, err := m.command(t.Context(), []string{"CAIRN_DATA=/data"}, "/usr/bin/cairn", "token", "create", "admin", "--name", "image", "--role", "write").CombinedOutput()
	token := tokenForm.FindString(string(out))
	if err != nil || token == "" {
		t.Fatalf("no token: %v\n%s", err, out)
	}
	return token
}

func push(t *testing.T, address, token string) {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(`set -e
curl -fsS -X POST -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' -d '{"name":"m","type":"model"}' http://%[1]s/api/repos/create >/dev/null
git clone -q http://admin:%[2]s@%[1]s/admin/m one
cd one
git config user.name a; git config user.email a@example.org
seq 1 1000 > numbers
git add .; git commit -qm numbers; git push -q origin HEAD:main
cd ..
git clone -q http://admin:%[2]s@%[1]s/admin/m two
cmp one/numbers two/numbers`, address, token)
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "no_proxy=*")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git: %v\n%s", err, out)
	}
}
