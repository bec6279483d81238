package s3

import (
	"context"
	"net"
	"net/http"
	"time"
)

// stall is how long a connection may make no progress. It must be longer than idle, so that idle connections are closed
// in good order.
const (
	stall = 8 * time.Second
	idle  = 6 * time.Second
)

func httpClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy: nil, // the environment is for config to read
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &movingConn{conn}, nil
		},
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       idle,
		MaxIdleConnsPerHost:   64,
		DisableCompression:    true,
		ReadBufferSize:        64 << 10,
		WriteBufferSize:       64 << 10,
	}}
}

// movingConn fails when nothing moves for a while, in either direction: a read that waits for the answer is given more
// time by each write of the request.
type movingConn struct{ net.Conn }

func (c *movingConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write sends in pieces, so that a large one that does move is not taken for a stalled one.
func (c *movingConn) Write(p []byte) (n int, err error) {
	for {
		if err := c.SetDeadline(time.Now().Add(stall)); err != nil {
			return n, err
		}
		k, err := c.Conn.Write(p[n:min(len(p), n+256<<10)])
		if n += k; err != nil || n == len(p) {
			return n, err
		}
	}
}
