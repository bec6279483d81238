package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the HTTP server. Bodies have no total time limit: httpd cuts them when they stop moving.
const (
	headerTime = 15 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 128 << 10 // Xet tokens may be long
)

// How long connections that are kept alive may take to learn that they end: each is told so by its next answer. One that
// is simply closed may be closed just when its client sends something, and a client cannot know whether that was done.
const (
	lingerStop     = time.Second
	lingerReplaced = 5 * time.Second // nobody waits for it
)

// server is an HTTP server that takes leave of its clients before it goes.
type server struct {
	http    http.Server
	ln      net.Listener
	next    http.Handler
	leaving atomic.Bool

	mu    sync.Mutex
	open  int
	empty chan struct{} // closed once it leaves and has no connection
}

func newServer(h http.Handler, ln net.Listener) *server {
	s := &server{ln: ln, next: h, empty: make(chan struct{})}
	s.http = http.Server{Handler: s, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerSize, ConnState: s.count, ConnContext: turnAway,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	return s
}

// by has the server speak TLS, if there is a configuration of it.
func (s *server) by(c *tls.Config) *server {
	s.http.TLSConfig = c
	return s
}

// Serve returns nil once the server has begun to leave.
func (s *server) Serve() error {
	serve := s.http.Serve
	if s.http.TLSConfig != nil {
		serve = func(ln net.Listener) error { return s.http.ServeTLS(ln, "", "") }
	}
	err := serve(s.ln)
	if errors.Is(err, http.ErrServerClosed) || s.leaving.Load() {
		return nil
	}
	return err
}

// ServeHTTP passes the response on as it is, so that the kernel may send files into it.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.leaving.Load() {
		w.Header().Set("Connection", "close")
	}
	s.next.ServeHTTP(w, r)
}

func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections(1)
	case http.StateClosed, http.StateHijacked:
		s.connections(-1)
	case http.StateActive, http.StateIdle: // twice a request, so no lock
	}
}

func (s *server) connections(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.checkEmpty()
}

// checkEmpty is called with the mutex held.
func (s *server) checkEmpty() {
	if s.open > 0 || !s.leaving.Load() {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// leave accepts nothing new, and waits until the clients have left by themselves or the time is up.
func (s *server) leave(linger time.Duration) {
	s.mu.Lock()
	s.leaving.Store(true)
	s.checkEmpty()
	s.mu.Unlock()
	_ = s.ln.Close()
	select {
	case <-s.empty:
	case <-time.After(linger):
	}
}

// drain ends servers: their requests may finish within a time.
func drain(servers []*server, linger, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range servers {
		all.Go(func() {
			s.leave(min(linger, within))
			if s.http.Shutdown(ctx) != nil {
				_ = s.http.Close()
			}
		})
	}
	all.Wait()
}
