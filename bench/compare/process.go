package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that was started, with all processes that it starts itself.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  string
}

// start starts a program in a process group of its own. Its standard output and errors go to a log.
func (s *session) start(name, addr string, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, addr: addr, log: s.path(name + ".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.procs = append(s.procs, p)
	return p, nil
}

// stop ends the group.
func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	pid := p.cmd.Process.Pid
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-pid, syscall.SIGKILL) })
	_ = p.cmd.Wait()
	late.Stop()
	_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left behind
}

// answers waits until the address takes connections.
func (p *process) answers(network string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c, err := net.Dial(network, p.addr)
		if err == nil {
			return c.Close()
		}
		if syscall.Kill(p.cmd.Process.Pid, 0) != nil || zombie(p.cmd.Process.Pid) {
			break
		}
	}
	b, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s does not answer; its log: %.300s", filepath.Base(p.cmd.Path), b)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// stat is what /proc says of a process.
type stat struct {
	parent int
	state  string
	ticks  int64 // user and system
	waited int64 // the same of children that were waited for
}

func readStat(pid int) (s stat, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 15 {
		return s, errors.New("unknown form of /proc/PID/stat")
	}
	s.state = f[0]
	s.parent, err = strconv.Atoi(f[1])
	for i, v := range f[11:15] {
		n, _ := strconv.ParseInt(v, 10, 64)
		if i < 2 {
			s.ticks += n
		} else {
			s.waited += n
		}
	}
	return s, err
}

func zombie(pid int) bool {
	s, err := readStat(pid)
	return err != nil || s.state == "Z"
}

// tree is a process and its living descendants.
func tree(root int) map[int]stat {
	all := map[int]stat{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if s, err := readStat(pid); err == nil {
				all[pid] = s
			}
		}
	}
	out := map[int]stat{}
	for pid, s := range all {
		for at := pid; at > 1; at = all[at].parent {
			if at == root {
				out[pid] = s
				break
			}
		}
	}
	return out
}

// hertz is the kernel's unit of processor time in /proc, the same on all systems of today.
const hertz = 100

// cpu is the processor time of the program so far, the kernel's share included.
func (p *process) cpu() time.Duration {
	if p == nil {
		return 0
	}
	var sum time.Duration
	for pid, s := range tree(p.cmd.Process.Pid) {
		own, ok := threadTime(pid)
		if !ok {
			own = time.Duration(s.ticks) * time.Second / hertz
		}
		sum += own + time.Duration(s.waited)*time.Second/hertz
	}
	return sum
}

// threadTime is the processor time of a process's threads as the scheduler counts it, finer than its ticks. Threads that have
// ended are missing, which servers' threads hardly do.
func threadTime(pid int) (sum time.Duration, ok bool) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, false
		}
		sum += time.Duration(n)
	}
	return sum, len(files) > 0
}

// memory is the proportional set size of all its processes in MiB.
func (p *process) memory() (float64, error) {
	var kib float64
	for pid := range tree(p.cmd.Process.Pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if v, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
				n, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(v, "kB")), 64)
				kib += n
			}
		}
		f.Close()
	}
	return kib / 1024, nil
}
