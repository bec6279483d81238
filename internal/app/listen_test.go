package app

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestBoundedListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := &boundedListener{Listener: inner, places: make(chan struct{}, 1), closed: make(chan struct{})}
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
