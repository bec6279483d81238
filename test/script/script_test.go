package script

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

var binDir string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds cairn as it is shipped, once for all scripts.
func buildAndRun(m *testing.M) int {
	var err error
	if binDir, err = os.MkdirTemp("", "cairn-script-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binDir)
	if _, err := program.Cairn(binDir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	for _, race := range program.Races(binDir) {
		fmt.Fprintln(os.Stderr, race)
		code = max(code, 1)
	}
	return code
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":   start,
			"stop":    stop,
			"drain":   drain,
			"http":    request,
			"signin":  signIn,
			"exports": exports,
			"capture": capture,
		},
	})
}

// setup gives each script a binary, a data folder that is not there yet and a port of its own.
func setup(e *testscript.Env) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	sshPort, err := freePort()
	if err != nil {
		return err
	}
	for _, kv := range e.Vars {
		if strings.HasPrefix(kv, "CAIRN_") || strings.HasPrefix(kv, "AWS_") {
			k, _, _ := strings.Cut(kv, "=")
			e.Setenv(k, "")
		}
	}
	e.Setenv("PATH", binDir+string(filepath.ListSeparator)+e.Getenv("PATH"))
	e.Setenv("CAIRN_DATA", filepath.Join(e.WorkDir, "hub"))
	e.Setenv("CAIRN_LISTEN", "localhost:"+port)
	e.Setenv("GORACE", os.Getenv("GORACE"))
	e.Setenv("CAIRN", filepath.Join(binDir, "cairn"))
	e.Setenv("PORT", port)
	e.Setenv("SSH_PORT", sshPort)
	e.Setenv("URL", "http://localhost:"+port)
	e.Values[hubsKey{}] = map[string]*hub{}
	return nil
}

// given are the ports that scripts have got. All prepare at once and listen seconds later, so "free" alone would give one port to
// two scripts, of which one then speaks to the other's hub.
var given sync.Map

func freePort() (string, error) {
	for {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			return "", err
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err := errors.Join(err, l.Close()); err != nil {
			return "", err
		}
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port, nil
		}
	}
}

// exports reads the lines "export NAME=value" of a file into the environment, as a shell would.
func exports(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: exports file")
	}
	n := 0
	for _, line := range strings.Split(ts.ReadFile(args[0]), "\n") {
		if kv, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			k, v, _ := strings.Cut(kv, "=")
			ts.Setenv(k, v)
			n++
		}
	}
	if n == 0 {
		ts.Fatalf("%s exports nothing", args[0])
	}
}

// capture puts what the last command printed into a variable.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
