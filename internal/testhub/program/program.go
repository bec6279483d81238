// Package program has programs of other Go modules ready for tests: built once per machine, outside of this module, so that
// what they depend on stays out of go.mod.
package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Program is a command of a Go module.
type Program struct {
	Package string // its import path, whose last element is its name
	Version string
}

// What the tests run.
var (
	S3   = Program{"github.com/versity/versitygw/cmd/versitygw", "v1.8.0"}
	ACME = Program{"github.com/letsencrypt/pebble/v2/cmd/pebble", "v2.10.3"}
)

// Path is where the program is; it is built first when it is not there. Processes take turns.
func (p Program) Path() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := path.Base(p.Package)
	dir := filepath.Join(cache, "cairn-test", "bin", name+"-"+p.Version)
	bin := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(bin); err == nil || !errors.Is(err, os.ErrNotExist) {
		return bin, err
	}
	return bin, p.build(dir, bin)
}

func (p Program) build(dir, bin string) error {
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.Command("go", "install", p.Package+"@"+p.Version)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOBIN="+work, "GOFLAGS=", "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s %s (needs the Go module proxy, once): %w\n%s", p.Package, p.Version, err, strings.TrimSpace(string(out)))
	}
	return os.Rename(filepath.Join(work, path.Base(p.Package)), bin)
}
