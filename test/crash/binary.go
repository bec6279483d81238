package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

// binaryVariable names a built hub to test; without it the tests build one.
const binaryVariable = "CAIRN_TEST_BINARY"

// built is the folder of the hub that the tests have built.
var built atomic.Pointer[string]

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "cairn-crash-")
	if err != nil {
		return "", err
	}
	built.Store(&dir)
	return program.Cairn(dir)
})

// Binary is the hub that the tests run.
func Binary() (string, error) { return binary() }

// races are the data races that were found in processes of the hub since the last call.
func races() []string {
	if dir := built.Load(); dir != nil {
		return program.Races(*dir)
	}
	return nil
}

// Main runs the tests of a package that runs the hub, deletes the hub that they have built, and returns the exit code:
// not 0 when a process of it raced that no test has looked after.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	for _, race := range races() {
		fmt.Fprintln(os.Stderr, race)
		code = max(code, 1)
	}
	if dir := built.Load(); dir != nil {
		_ = os.RemoveAll(*dir)
	}
	return code
}
