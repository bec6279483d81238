package dbtest

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Wire is a network between a hub and PostgreSQL that a test can cut. Only tests of faults need one.
type Wire struct {
	URL string // of the database, by the wire

	network, address string
	ln               net.Listener
	swallow          atomic.Bool
	mu               sync.Mutex
	open             map[net.Conn]struct{}
}

// NewWire lays a wire to the server of a database's address.
func NewWire(t testing.TB, database string) *Wire {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{network: "tcp", address: u.Host, open: map[net.Conn]struct{}{}}
	if dir := u.Query().Get("host"); dir != "" {
		w.network, w.address = "unix", dir+"/.s.PGSQL.5432"
	}
	if w.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("host")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = w.ln.Addr().String(), q.Encode()
	w.URL = u.String()
	go w.serve()
	t.Cleanup(func() { _ = w.ln.Close(); w.Cut() })
	return w
}

// Swallow has the wire keep its connections, make new ones, and let nothing through; false ends them, and those made after
// it work.
func (w *Wire) Swallow(on bool) {
	w.swallow.Store(on)
	if !on {
		w.Cut()
	}
}

// Cut ends all connections.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close()
	}
}

func (w *Wire) serve() {
	for {
		c, err := w.ln.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial(w.network, w.address)
		if err != nil {
			_ = c.Close()
			continue
		}
		w.mu.Lock()
		w.open[c], w.open[s] = struct{}{}, struct{}{}
		w.mu.Unlock()
		go w.pass(c, s)
		go w.pass(s, c)
	}
}

func (w *Wire) pass(to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && !w.swallow.Load() {
			_, err = to.Write(b[:n])
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	w.mu.Lock()
	delete(w.open, to)
	delete(w.open, from)
	w.mu.Unlock()
}
