package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// reports begins the names of the files in which the race detector tells what it found in a process of the hub.
const reports = "race."

// Shipped builds the hub in a folder, from the module whose test asks, as it is shipped.
func Shipped(dir string) (bin string, err error) { return build(dir, "CGO_ENABLED=0") }

// Cairn is Shipped or, when the test runs with the race detector, the same with it. What the detector then finds in any process
// that inherits this one's GORACE is a file in the folder, since tests kill these processes and read their output as users do:
// Races tells it.
func Cairn(dir string) (bin string, err error) {
	if !Raced {
		return Shipped(dir)
	}
	log := "log_path=" + filepath.Join(dir, strings.TrimSuffix(reports, "."))
	if err := os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" "+log)); err != nil {
		return "", err
	}
	return build(dir, "CGO_ENABLED=1", "-race")
}

func build(dir, cgo string, flags ...string) (bin string, err error) {
	bin = filepath.Join(dir, "cairn")
	args := append([]string{"build", "-o", bin}, flags...)
	cmd := exec.Command("go", append(args, "github.com/cairnhub/cairn/cmd/cairn")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the hub: %w\n%s", err, out)
	}
	return bin, nil
}

// Races are the reports of the processes whose binary Cairn built in a folder, each told once.
func Races(dir string) (found []string) {
	files, _ := filepath.Glob(filepath.Join(dir, reports+"*"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if report := strings.Trim(string(b), "\x00"); err == nil && report != "" {
			found = append(found, report)
			_ = os.Truncate(name, 0) // the process may go on and report more, after a hole of what is gone
		}
	}
	return found
}
