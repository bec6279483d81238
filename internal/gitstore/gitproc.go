package gitstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// gitConfig is all the configuration that a git process of ours reads. What upload-pack may do beyond sending what refs
// reach stays off: which objects may be asked for is decided before it starts (Copy.CheckFetch). Nothing is
// synced, for what is to last goes to the blob store. No new deltas are
// sought for a fetch: those that the packs have are sent, and folding makes more of them where they pay. Packs are mapped
// in small windows, so that what is in memory does not grow with the history: the bytes of a map count as the process's.
const gitConfig = `[core]
	repositoryformatversion = 0
	bare = true
	hooksPath = /dev/null
	fsmonitor = false
	deltaBaseCacheLimit = 32m
	bigFileThreshold = 16m
	packedGitWindowSize = 1m
	packedGitLimit = 16m
	fsync = none
[pack]
	window = 0
	threads = 1
	deltaCacheSize = 16m
[uploadpack]
	allowFilter = true
	allowTipSHA1InWant = false
	allowReachableSHA1InWant = false
	allowAnySHA1InWant = false
	allowRefInWant = false
	keepAlive = 5
[uploadpackfilter]
	allow = false
[uploadpackfilter "blob:none"]
	allow = true
[uploadpackfilter "blob:limit"]
	allow = true
[uploadpackfilter "object:type"]
	allow = true
[uploadpackfilter "tree"]
	allow = true
[uploadpackfilter "combine"]
	allow = true
[transfer]
	advertiseObjectInfo = false
	advertiseSID = false
[gc]
	auto = 0
[maintenance]
	auto = false
`

// The bounds of a process.
const (
	maxProcesses  = 32               // at once; more wait
	processWait   = 30 * time.Second // and are told to come back later
	maxStderr     = 16 << 10
	processLinger = 5 * time.Second // for pipes of a killed process
)

// process is one run of git with fixed arguments, an environment of its own, and none of ours.
type process struct {
	args   []string
	env    []string
	stdin  io.Reader
	stdout io.Writer
	memory int64 // bytes that it may allocate; 0: as it likes
	calm   bool  // gives way to what others do
}

// run runs git to its end or until ctx ends; then it and its children are killed. stderr is what it complained about.
func (c *Copies) run(ctx context.Context, p process) (stderr string, err error) {
	if !KnownForm(p.args, c.root) {
		return "", errs.New(errs.Internal, "git %v is no form that is known", p.args)
	}
	bin, err := c.git()
	if err != nil {
		return "", errs.Unsupported("This hub finds no git on its machine, so it cannot serve clone and push, nor merge.")
	}
	wait, cancel := context.WithTimeout(ctx, processWait)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-wait.Done():
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", errs.New(errs.Unavailable, "Too many clones and pushes run at once. Try again in a minute.")
	}
	cmd := exec.CommandContext(ctx, bin, p.args...)
	cmd.Dir = c.root
	cmd.Env = append([]string{"PATH=" + filepath.Dir(bin), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1"}, p.env...)
	var text tail
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.stdin, p.stdout, &text
	cmd.WaitDelay = processLinger
	ownGroup(cmd)
	if err = cmd.Start(); err == nil {
		limitMemory(cmd.Process.Pid, p.memory)
		if p.calm {
			calm(cmd.Process.Pid)
		}
		err = cmd.Wait()
	}
	if e := context.Cause(ctx); err != nil && e != nil {
		err = e
	}
	return text.String(), err
}

// exitCode is the status with which a process ended; ok is false when it did not end by itself.
func exitCode(err error) (code int, ok bool) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() < 0 {
		return 0, false
	}
	return exit.ExitCode(), true
}

// aborted reports whether a process has given up on itself.
func aborted(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGABRT
}

func findGit() (string, error) {
	bin, err := exec.LookPath("git")
	if err != nil {
		return "", err
	}
	return filepath.Abs(bin)
}

// tail keeps the first bytes that are written and drops the rest.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if room := maxStderr - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(t.b.String(), "?") }
