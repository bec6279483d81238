package app

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/cairnhub/cairn/internal/httpd"
)

const (
	// ownFiles are descriptors for the database, the log, outgoing connections, objects that stay open and what is opened
	// for a moment.
	ownFiles      = 160
	filesEach     = 2 // descriptors of a request: its connection and what it reads or writes
	leastRequests = 16

	// excessAtOnce connections beyond those, of ownFiles, are told that there is no room.
	excessAtOnce = 8
	// excessWait is for how long no connection must have ended before others are told so. It is longer than what comes and goes
	// takes, and shorter than people wait for a page.
	excessWait = 20 * time.Second
)

// bounded accepts no more connections than there are descriptors for: others wait in the system's queue instead of
// failing half way for want of a file. When none has ended for a while, they are accepted one by one to hear that.
func bounded(ln net.Listener) net.Listener {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<20 {
		return ln
	}
	return newBounded(ln, max((int(limit.Cur)-ownFiles)/filesEach, leastRequests), excessWait)
}

func newBounded(ln net.Listener, n int, wait time.Duration) *boundedListener {
	return &boundedListener{Listener: ln, wait: wait, places: make(chan struct{}, n), excess: make(chan struct{}, excessAtOnce), closed: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	wait   time.Duration
	places chan struct{}
	excess chan struct{} // places of those who are told that there is none
	closed chan struct{}
	once   sync.Once

	full time.Time // since when all places are taken; zero: they are not. Accept's own
}

// Accept is called by one goroutine.
func (l *boundedListener) Accept() (net.Conn, error) {
	from, err := l.place()
	if err != nil {
		return nil, err
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-from
		return nil, err
	}
	if from == l.excess {
		select {
		case l.places <- struct{}{}: // one has ended while nobody came
			<-from
			from, l.full = l.places, time.Time{}
		default:
		}
	}
	leave := sync.OnceFunc(func() { <-from })
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return &boundedConn{Conn: c, leave: leave, excess: from == l.excess}, nil
	}
	return &boundedTCP{TCPConn: tcp, leave: leave, excess: from == l.excess}, nil
}

// place takes one of the places, or of those beyond them when none becomes free for too long.
func (l *boundedListener) place() (from chan struct{}, err error) {
	select {
	case l.places <- struct{}{}:
		l.full = time.Time{}
		return l.places, nil
	default:
	}
	if l.full.IsZero() {
		l.full = time.Now()
	}
	patience := time.NewTimer(l.wait - time.Since(l.full))
	defer patience.Stop()
	select {
	case l.places <- struct{}{}:
		l.full = time.Time{}
		return l.places, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-patience.C:
	}
	select {
	case l.places <- struct{}{}:
		l.full = time.Time{}
		return l.places, nil
	case l.excess <- struct{}{}:
		return l.excess, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// boundedTCP keeps what TCP connections can do beside reading and writing: files are sent by the kernel.
type boundedTCP struct {
	*net.TCPConn
	leave  func()
	excess bool
}

func (c *boundedTCP) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}

type boundedConn struct {
	net.Conn
	leave  func()
	excess bool
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// turnAway has requests of a connection for which there was no place refused.
func turnAway(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	excess := false
	switch b := c.(type) {
	case *boundedTCP:
		excess = b.excess
	case *boundedConn:
		excess = b.excess
	}
	if excess {
		return httpd.TurnAway(ctx)
	}
	return ctx
}
