package sshd

import (
	"bufio"
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

	mu    sync.Mutex
	waits int // reads and writes under way
}

func newClient(c *conn, ch ssh.Channel) *client {
	out := &client{ch: ch, conn: c}
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

// raw reads what the client sends.
type raw struct{ c *client }

func (r raw) Read(p []byte) (int, error) {
	r.c.waiting(1)
	n, err := r.c.ch.Read(p)
	r.c.waiting(-1)
	r.c.in.Add(int64(n))
	return n, err
}

func (c *client) Write(p []byte) (int, error) {
	c.waiting(1)
	n, err := c.ch.Write(p)
	c.waiting(-1)
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
	c.waiting(1)
	defer c.waiting(-1)
	for line := range strings.Lines(text) {
		_, _ = io.WriteString(c.ch.Stderr(), "cairn: "+printable(line)+"\n")
	}
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
