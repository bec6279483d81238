package app

import (
	"net"
	"sync"
	"syscall"
)

const (
	ownFiles      = 160 // descriptors for the database, the log, outgoing connections, objects that stay open and what is opened for a moment
	filesEach     = 2   // descriptors of a request: its connection and what it reads or writes
	leastRequests = 16
)

// bounded accepts no more connections than there are descriptors for: others wait in the system's queue instead of
// failing half way for want of a file.
func bounded(ln net.Listener) net.Listener {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<20 {
		return ln
	}
	n := max((int(limit.Cur)-ownFiles)/filesEach, leastRequests)
	return &boundedListener{Listener: ln, places: make(chan struct{}, n), closed: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return &boundedConn{Conn: c, leave: l.leave()}, nil
	}
	return &boundedTCP{TCPConn: tcp, leave: l.leave()}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// leave is how a connection gives its place back, once.
func (l *boundedListener) leave() func() { return sync.OnceFunc(func() { <-l.places }) }

// boundedTCP keeps what TCP connections can do beside reading and writing: files are sent by the kernel.
type boundedTCP struct {
	*net.TCPConn
	leave func()
}

func (c *boundedTCP) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}

type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
