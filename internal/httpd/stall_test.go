package httpd

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestDeadReaderIsLeft: a client that asks for a long answer and reads nothing of it holds its handler for no longer than a
// stall may last.
func TestDeadReaderIsLeft(t *testing.T) {
	defer func(d time.Duration) { stall = d }(stall)
	stall = 200 * time.Millisecond
	ended := make(chan struct{})
	long := strings.Repeat("x", 64<<20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_ = JSON(w, r, http.StatusOK, long)
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: hub\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		_ = c.Close()
		t.Fatal("the handler waits for a client that reads nothing")
	}
}
