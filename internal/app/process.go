package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cairnhub/cairn/internal/config"
)

// startTime is how long a process that is to take over may take until it serves: it may have a schema to migrate.
const startTime = 10 * time.Minute

// process is this process among those that serve the hub one after the other: what it was handed, and what it hands on. A
// hub is restarted by starting the next one beside it, with the same open sockets: whichever of the two accepts a
// connection serves it, and none is refused.
type process struct {
	of     config.Process
	parent *os.File // a stream to the process before this one, which ends with it; nil: there is none
	lock   *os.File

	mu      sync.Mutex
	sockets map[string]*net.TCPListener
}

func takeProcess(of config.Process) *process {
	p := &process{of: of, sockets: map[string]*net.TCPListener{}}
	for _, fd := range of.Handed {
		syscall.CloseOnExec(fd) // git and others that this process starts have no business with them
	}
	if fd := p.take(config.HandedParent); fd > 0 {
		p.parent = os.NewFile(uintptr(fd), "the process before")
	}
	return p
}

// take is a descriptor that was handed over, 0 if none was, to whoever asks first.
func (p *process) take(name string) int {
	fd := p.of.Handed[name]
	delete(p.of.Handed, name)
	return fd
}

// dropRest closes what was handed over and is not used: a door that was open and is not any more.
func (p *process) dropRest() {
	for name := range p.of.Handed {
		_ = syscall.Close(p.take(name))
	}
}

// Close lets the lock go, and the parent if this process did not come up.
func (p *process) Close() {
	if p.parent != nil {
		_ = p.parent.Close()
	}
	if p.lock != nil {
		_ = p.lock.Close()
	}
	for _, ln := range p.sockets {
		_ = ln.Close()
	}
}

// listen is the socket that was handed over, whatever its address, or a new one.
func (p *process) listen(name, address string) (net.Listener, error) {
	var ln net.Listener
	var err error
	if fd := p.take(name); fd > 0 {
		f := os.NewFile(uintptr(fd), name)
		ln, err = net.FileListener(f)
		_ = f.Close()
	} else {
		ln, err = net.Listen("tcp", address)
	}
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("the socket %s that was handed over is not one of TCP", name)
	}
	p.sockets[name] = tcp
	return tcp, nil
}

// ready says that this process serves: to the one before it, which now ends, and to the system's manager of services.
func (p *process) ready(a *App) {
	signLock(p.lock)
	p.notify("MAINPID=" + strconv.Itoa(os.Getpid()) + "\nREADY=1")
	if p.parent == nil {
		return
	}
	_, _ = p.parent.Write([]byte{1})
	go func() {
		_, _ = io.Copy(io.Discard, p.parent) // until it is gone
		a.db.Share(false)
	}()
}

// notify tells the manager of services, when it asked to be told (sd_notify(3)).
func (p *process) notify(state string) {
	if p.of.Notify == "" {
		return
	}
	conn, err := net.Dial("unixgram", p.of.Notify)
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
}

// await starts a new process each time the signal comes; the channel has its number once it serves. stop ends that, a
// process that is just being started included.
func (p *process) await(a *App) (replaced <-chan int, stop func()) {
	signals, out, end, done := make(chan os.Signal, 1), make(chan int, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-signals:
			}
			pid, err := p.replace(a, end)
			if err == nil {
				out <- pid
				return
			}
			a.log.Error("the process that was to take over did not come up: this one goes on", "error", err)
		}
	}()
	return out, sync.OnceFunc(func() { signal.Ignore(syscall.SIGUSR2); close(end); <-done })
}

// replace starts the program again and waits until it serves.
func (p *process) replace(a *App, end <-chan struct{}) (pid int, err error) {
	a.db.Share(true)
	defer func() {
		if err != nil {
			a.db.Share(false)
		}
	}()
	mine, theirs, err := pair()
	if err != nil {
		return 0, err
	}
	stream := os.NewFile(uintptr(mine), "the next process") // stays open until this process ends, which tells the next one
	pid, err = p.spawn(theirs)
	_ = syscall.Close(theirs)
	if err != nil {
		_ = stream.Close()
		return 0, err
	}
	child, err := os.FindProcess(pid)
	if err != nil {
		return 0, err
	}
	go child.Wait() //nolint:errcheck // its end shows in the stream
	if err := awaitByte(stream, end); err != nil {
		_ = child.Kill()
		_ = stream.Close()
		return 0, err
	}
	a.keep = append(a.keep, stream)
	return pid, nil
}

// pair is a stream between two processes.
func pair() (mine, theirs int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	return fds[0], fds[1], syscall.SetNonblock(fds[0], true)
}

// awaitByte waits until the next process says that it serves, at most until end.
func awaitByte(stream *os.File, end <-chan struct{}) error {
	if err := stream.SetReadDeadline(time.Now().Add(startTime)); err != nil {
		return err
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-end:
			_ = stream.SetReadDeadline(time.Now())
		case <-done:
		}
	}()
	_, err := stream.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return errors.New("it ended: its own message says why")
	}
	return err
}

// spawn starts the program of this process, whatever is there by its name now, and hands it the sockets. It passes the
// bare numbers: a file of os would set the sockets to blocking, for this process, too.
func (p *process) spawn(stream int) (int, error) {
	path, err := program()
	if err != nil {
		return 0, err
	}
	names, fds := []string{config.HandedParent, config.HandedLock}, []uintptr{0, 1, 2, uintptr(stream), p.lock.Fd()}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, ln := range p.sockets {
		raw, err := ln.SyscallConn()
		if err != nil {
			return 0, err
		}
		if err := raw.Control(func(fd uintptr) { fds = append(fds, fd) }); err != nil { // open until after the fork: Close comes later
			return 0, err
		}
		names = append(names, name)
	}
	return syscall.ForkExec(path, os.Args, &syscall.ProcAttr{Env: p.of.Environ(os.Getpid(), names), Files: fds}) //nolint:gosec // the command line that the operator gave
}

// program is the path by which this one was called, so that a link to a newer one leads there, or else its own.
func program() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		return path, nil
	}
	return os.Executable()
}
