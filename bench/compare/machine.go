package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

// otherLoad watches how many processors other work keeps busy, which is what makes figures doubtful.
type otherLoad struct {
	done    chan struct{}
	ended   chan struct{}
	samples []float64
}

// watchLoad samples each two seconds: busy processors less those of this process and of all that it has started.
func watchLoad() *otherLoad {
	l := &otherLoad{done: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		busy, own, at := busyTicks(), ownTicks(), time.Now()
		for {
			select {
			case <-l.done:
				return
			case <-time.After(2 * time.Second):
			}
			b, o, now := busyTicks(), ownTicks(), time.Now()
			// Children that ended within the interval are counted when their parent has waited for them, so own may jump.
			l.samples = append(l.samples, max(0, float64(b-busy-(o-own))/hertz/now.Sub(at).Seconds()))
			busy, own, at = b, o, now
		}
	}()
	return l
}

func (l *otherLoad) stop() {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	<-l.ended
}

// busyTicks is the time that all processors have worked.
func busyTicks() (sum int64) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, v := range strings.Fields(line) {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && i != 4 && i != 5 && i < 9 { // neither idle nor waiting for the disk; guests are in user
			sum += n
		}
	}
	return sum
}

func ownTicks() (sum int64) {
	for _, s := range tree(os.Getpid()) {
		sum += s.ticks + s.waited
	}
	return sum
}

// describe is what the figures were made on.
func describe(s *session) []string {
	host := fmt.Sprintf("%d processors (%s), %s memory, %s, Linux %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), memoryText(), fileSystem(s.dir), readLine("/proc/sys/kernel/osrelease"))
	versions := []string{version(s.hub.bin, "version"), runtime.Version(), version("git", "--version"), version("/usr/sbin/nginx", "-v")}
	if s.peers["versitygw"] != nil {
		versions = append(versions, "versitygw "+program.S3.Version)
	}
	return []string{host, strings.Join(versions, ", ")}
}

// version is what a program says of itself, in one line.
func version(bin string, arg string) string {
	out, err := exec.Command(bin, arg).CombinedOutput()
	if err != nil {
		return bin + " of unknown version"
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
	return string(line)
}

func field(path, name string) string {
	b, _ := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func memoryText() string {
	kib, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
}

func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
