package app

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"

	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
)

func TestBoundedListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := newBounded(inner, 1, time.Hour)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	if _, ok := first.(io.ReaderFrom); !ok {
		t.Error("a connection cannot be sent files by the kernel")
	}
	select {
	case <-accepted:
		t.Error("a second connection was accepted beside the first")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // gives one place back, not two
	second := <-accepted
	if second == nil {
		t.Fatal("the second connection was not accepted after the first had ended")
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	for c := range accepted {
		t.Error("accepted after the end", c)
	}
}

// With as many connections as there are descriptors for, none of which ends, others waited in the system's queue without an
// answer. They are told to come back, who asks how the hub is gets an answer, and when one has ended there is a place.
func TestExcessConnectionsAreRefused(t *testing.T) {
	held, end := make(chan struct{}), make(chan struct{})
	hub, err := httpd.New(httpd.Options{Log: slog.New(slog.DiscardHandler)}, []httpd.Route{
		{ID: "slow", Method: http.MethodGet, Path: "/slow", Right: authz.Public, Handler: func(http.ResponseWriter, *http.Request) error {
			held <- struct{}{}
			<-end
			return nil
		}},
		{ID: "quick", Method: http.MethodGet, Path: "/quick", Right: authz.Public, Handler: func(http.ResponseWriter, *http.Request) error { return nil }},
		{ID: "health", Method: http.MethodGet, Path: "/healthz", Right: authz.Public, Policy: httpd.PolicyNone, Handler: func(http.ResponseWriter, *http.Request) error { return nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(hub, newBounded(ln, 1, 10*time.Millisecond))
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(path string) *http.Response {
		t.Helper()
		resp, err := client.Get("http://" + ln.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	slow := make(chan *http.Response)
	go func() {
		resp, err := client.Get("http://" + ln.Addr().String() + "/slow")
		if err == nil {
			_ = resp.Body.Close()
		}
		slow <- resp
	}()
	<-held
	for range 3 * excessAtOnce {
		if resp := ask("/quick"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
		}
	}
	if resp := ask("/healthz"); resp.StatusCode != http.StatusOK {
		t.Errorf("health: %s", resp.Status)
	}
	close(end)
	if resp := <-slow; resp == nil || resp.StatusCode != http.StatusOK {
		t.Errorf("what had a place: %v", resp)
	}
	for deadline := time.Now().Add(30 * time.Second); ; { // its connection ends a moment after its answer
		resp := ask("/quick")
		if resp.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(resp.Status)
		}
	}
	s.leave(time.Second)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A connection by TLS is known through what it is wrapped in.
func TestExcessIsKnownBehindTLS(t *testing.T) {
	if ctx := turnAway(t.Context(), tls.Server(&boundedTCP{excess: true}, nil)); ctx == t.Context() {
		t.Error("a connection for which there is no place is served")
	}
	if ctx := turnAway(t.Context(), tls.Server(&boundedTCP{}, nil)); ctx != t.Context() {
		t.Error("a connection that has a place is turned away")
	}
}
