package sshd

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a client's connection. It knows when something was last heard from or taken by the client, and how many
// commands are at work without waiting for it, so that a client that is dead or asleep can be told from one that is
// kept waiting.
type conn struct {
	net.Conn
	place *place
	last  atomic.Int64 // the moment of the last byte

	mu       sync.Mutex
	working  int  // commands that do not wait for the client
	running  int  // commands
	begun    bool // a first command
	draining bool // close with the last command
	closed   chan struct{}
	once     sync.Once
}

func newConn(nc net.Conn, p *place) *conn {
	c := &conn{Conn: nc, place: p, closed: make(chan struct{})}
	c.touch()
	return c
}

// addr is the client's address without the port; empty when nobody knows it.
func (c *conn) addr() string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return host
}

// begun is what moments are counted from: by a clock that nobody sets, or its jump would hang up on every client.
var begun = time.Now()

func moment() int64 { return int64(time.Since(begun)) }

func (c *conn) touch() { c.last.Store(moment()) }

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

func (c *conn) close() {
	c.once.Do(func() {
		close(c.closed)
		_ = c.Conn.Close()
		c.place.leave()
	})
}

// watch closes the connection when it has been waiting for its client for too long.
func (c *conn) watch(idle time.Duration) {
	tick := time.NewTicker(max(idle/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-c.closed:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		working := c.working > 0
		c.mu.Unlock()
		if working {
			c.touch()
		} else if time.Duration(moment()-c.last.Load()) > idle {
			c.close()
		}
	}
}

// begin counts a command in. After closeWhenDone there are no new ones, except the first of a client that was on its way:
// it connected for that one, and cannot tell a hub that ends from one that refuses it.
func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && c.begun {
		return false
	}
	c.begun = true
	c.running++
	c.working++
	return true
}

func (c *conn) end() {
	c.mu.Lock()
	c.running--
	c.working--
	last := c.draining && c.running == 0
	c.mu.Unlock()
	if last { // the client hangs up when it has read how the command ended
		time.AfterFunc(linger, c.close)
	}
}

// linger is what a client gets to hang up by itself; arriving what one gets to sign in and say what it came for.
const (
	linger   = 500 * time.Millisecond
	arriving = 5 * time.Second
)

func (c *conn) closeWhenDone() {
	c.mu.Lock()
	c.draining = true
	idle, begun := c.running == 0, c.begun
	c.mu.Unlock()
	switch {
	case idle && begun:
		c.close()
	case idle:
		time.AfterFunc(arriving, c.closeIfIdle)
	}
}

func (c *conn) closeIfIdle() {
	c.mu.Lock()
	idle := c.running == 0
	c.mu.Unlock()
	if idle {
		c.close()
	}
}

// waits tells that a command waits for the client (+1), or no longer does (-1).
func (c *conn) waits(change int) {
	c.mu.Lock()
	c.working -= change
	c.mu.Unlock()
}
