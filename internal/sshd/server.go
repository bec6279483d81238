package sshd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/gitserve"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Options are what the door stands on.
type Options struct {
	Accounts *account.Service
	Authz    *authz.Authorizer
	Repos    *repo.Service
	Git      *gitserve.Server
	Log      *slog.Logger
	SiteName string // greets
	Version  string // told to clients
	// Authorities sign certificates of users; none: only keys are accepted.
	Authorities []ssh.PublicKey
	// LFS makes a credential for an actor who was found to have the right: the value of an HTTP header, and its life.
	LFS func(actor hub.Actor, repoID, operation string) (authorization string, life time.Duration)
	// Origin is the hub's URL for who reached this door at an address.
	Origin func(local net.Addr) string
	Limits Limits
}

// Limits bound what clients may take. Zero values are the defaults.
type Limits struct {
	Conns      int           // connections of all clients (500)
	PerUser    int           // connections of one user or deploy key, and commands on all of them (64)
	Pending    int           // of them not yet signed in (128)
	PerNetwork int           // not yet signed in from one address, or /64 of IPv6 (32)
	Rate       int           // new ones from there within RateTime (300)
	RateTime   time.Duration // (10 s)
	Login      time.Duration // until somebody is signed in (20 s)
	Idle       time.Duration // without a byte while the hub waits for the client (2 min)
	Tries      int           // keys that a client may offer (8)
	Sessions   int           // commands at once on one connection (10)
}

func (l Limits) withDefaults() Limits {
	number := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	span := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	number(&l.Conns, 500)
	number(&l.PerUser, 64)
	number(&l.Pending, 128)
	number(&l.PerNetwork, 32)
	number(&l.Rate, 300)
	number(&l.Tries, 8)
	number(&l.Sessions, 10)
	span(&l.RateTime, 10*time.Second)
	span(&l.Login, 20*time.Second)
	span(&l.Idle, 2*time.Minute)
	return l
}

// Server is the door. It is safe for concurrent use.
type Server struct {
	o      Options
	config *ssh.ServerConfig
	crowd  *crowd
	keys   []ssh.Signer

	mu      sync.Mutex
	open    map[*conn]struct{}
	ln      net.Listener
	closing bool
	wait    sync.WaitGroup // connections, and the loop that accepts them
}

// New reads the host keys, making them on the hub's first start.
func New(ctx context.Context, o Options) (*Server, error) {
	o.Limits = o.Limits.withDefaults()
	s := &Server{o: o, crowd: newCrowd(o.Limits), open: map[*conn]struct{}{}}
	var err error
	if s.keys, err = HostKeys(ctx, o.Accounts.Secret); err != nil {
		return nil, err
	}
	s.config = s.newConfig()
	for _, k := range s.keys {
		s.config.AddHostKey(k)
	}
	return s, nil
}

// HostKeys are the public halves of what the hub proves itself by.
func (s *Server) HostKeys() []ssh.PublicKey {
	out := make([]ssh.PublicKey, len(s.keys))
	for i, k := range s.keys {
		out[i] = k.PublicKey()
	}
	return out
}

// Fingerprints are the host keys', as ssh shows them to who connects for the first time.
func (s *Server) Fingerprints() []string {
	out := make([]string, len(s.keys))
	for i, k := range s.HostKeys() {
		out[i] = k.Type() + " " + ssh.FingerprintSHA256(k)
	}
	return out
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("sshd: closed")

// Serve accepts connections until Shutdown or until the listener fails. It closes the listener.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	s.ln = ln
	closing := s.closing
	if !closing {
		s.wait.Add(1) // Shutdown waits for whom this loop has accepted
		defer s.wait.Done()
	}
	s.mu.Unlock()
	defer ln.Close()
	if closing {
		return ErrClosed
	}
	for {
		nc, err := ln.Accept()
		if err != nil {
			s.mu.Lock()
			closing = s.closing
			s.mu.Unlock()
			var temporary net.Error
			switch {
			case closing:
				return ErrClosed
			case errors.As(err, &temporary) && !errors.Is(err, net.ErrClosed): // out of descriptors, mostly
				s.o.Log.Warn("ssh: a connection could not be accepted", "error", err)
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return err
		}
		s.begin(nc)
	}
}

// begin serves a connection in the background, if there is room for it.
func (s *Server) begin(nc net.Conn) {
	place, ok := s.crowd.enter(nc.RemoteAddr())
	if !ok {
		_ = nc.Close()
		return
	}
	c := newConn(nc, place)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing { // it was accepted just before
		c.closeWhenDone()
	}
	s.open[c] = struct{}{}
	s.wait.Go(func() {
		defer s.end(c)
		s.serve(c)
	})
}

func (s *Server) end(c *conn) {
	c.close()
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
}

// Shutdown accepts nothing new, lets commands that run or whose client has just connected finish until ctx ends, and then
// cuts them off.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	if s.ln != nil {
		_ = s.ln.Close()
	}
	for c := range s.open {
		c.closeWhenDone()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.wait.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.open {
		c.close()
	}
	s.mu.Unlock()
	<-done
}
