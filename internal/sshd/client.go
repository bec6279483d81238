package sshd

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/gitserve"
)

// client is one channel as a gitserve.Conn.
type client struct {
	*bufio.Reader
	ch      ssh.Channel
	conn    *conn
	in, out atomic.Int64 // bytes
	moved   atomic.Int64 // the moment of the last byte either way

	mu    sync.Mutex
	waits int // reads and writes under way
}

func newClient(c *conn, ch ssh.Channel) *client {
	out := &client{ch: ch, conn: c}
	out.moved.Store(moment())
	out.Reader = bufio.NewReaderSize(raw{out}, 64<<10)
	return out
}

// waiting notes a read or write that begins (1) or ends (-1): with the first, the command waits for its client.
func (c *client) waiting(change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.waits > 0
	c.waits += change
	if now := c.waits > 0; now != before {
		c.conn.waits(change)
	}
}

// patiently waits for the client in f.
func (c *client) patiently(f func() (int, error)) (int, error) {
	c.waiting(1)
	defer c.waiting(-1)
	n, err := f()
	if n > 0 {
		c.moved.Store(moment())
	}
	return n, err
}

// watch cuts the command off when it has waited for its client, and nothing has moved either way, for too long: a client
// can keep its connection busy beside a command that waits for it in vain.
func (c *client) watch(ctx context.Context, idle time.Duration) {
	tick := time.NewTicker(max(idle/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.mu.Lock()
			waits := c.waits > 0
			c.mu.Unlock()
			if !waits {
				c.moved.Store(moment())
			} else if time.Duration(moment()-c.moved.Load()) > idle {
				_ = c.ch.Close()
				return
			}
		}
	}
}

// raw reads what the client sends.
type raw struct{ c *client }

func (r raw) Read(p []byte) (int, error) {
	n, err := r.c.patiently(func() (int, error) { return r.c.ch.Read(p) })
	r.c.in.Add(int64(n))
	return n, err
}

// maxWrite is so little that a slow client takes it in time.
const maxWrite = 256 << 10

func (c *client) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = c.patiently(func() (int, error) { return c.ch.Write(p[n:min(n+maxWrite, len(p))]) })
		n += k
	}
	c.out.Add(int64(n))
	return n, err
}

// Flush has nothing to do: every write is sent.
func (c *client) Flush() {}

// ReadDone has nothing to do: a connection that works for its client is not idle.
func (c *client) ReadDone() {}

// drainSilence is how long a client that was refused may be silent before it is taken to wait for its answer: not all
// close their side of the channel behind a pack.
const drainSilence = 5 * time.Second

func (c *client) Drain() bool {
	var n atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(counter{&n}, io.LimitReader(c.Reader, gitserve.MaxDrain)) // ends with the channel
	}()
	tick := time.NewTicker(drainSilence)
	defer tick.Stop()
	for seen := int64(-1); ; {
		select {
		case <-done:
			return n.Load() < gitserve.MaxDrain
		case <-tick.C:
			if now := n.Load(); now != seen {
				seen = now
				continue
			}
			return true
		}
	}
}

type counter struct{ n *atomic.Int64 }

func (w counter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return len(p), nil
}

// say tells the client's user something, on the standard error of the command.
func (c *client) say(text string) {
	_, _ = c.patiently(func() (n int, err error) {
		for line := range strings.Lines(text) {
			n, err = io.WriteString(c.ch.Stderr(), "cairn: "+printable(line)+"\n")
		}
		return n, err
	})
}

// printable keeps what others have chosen (names, paths) from doing anything to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
