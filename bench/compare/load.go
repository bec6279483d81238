package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// burst is what a load of requests got.
type burst struct {
	rate float64 // answers a second
	n    int
	p99  float64 // ms
}

// hammer sends the same request over a number of connections for a while, each the next one when the answer is there. It
// writes bytes that were made once and reads no more of an answer than it must, so that the server has the processors.
// Any failure and any answer but a success is an error.
func hammer(ctx context.Context, method, address, token, span string, conns int, d time.Duration) (b burst, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return b, err
	}
	request := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, u.RequestURI(), u.Host)
	if token != "" {
		request = fmt.Appendf(request, "Authorization: Bearer %s\r\n", token)
	}
	if span != "" {
		request = fmt.Appendf(request, "Range: bytes=%s\r\n", span)
	}
	request = append(request, "\r\n"...)
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	type result struct {
		waits []time.Duration
		err   error
	}
	results := make([]result, conns)
	var wg sync.WaitGroup
	from := time.Now()
	for i := range conns {
		wg.Go(func() { results[i].waits, results[i].err = converse(ctx, u.Host, request, method == http.MethodHead) })
	}
	wg.Wait()
	took := time.Since(from).Seconds()
	var waits []time.Duration
	for _, r := range results {
		err = errors.Join(err, r.err)
		waits = append(waits, r.waits...)
	}
	if err != nil || len(waits) == 0 {
		return b, errors.Join(err, ctx.Err())
	}
	slices.Sort(waits)
	return burst{float64(len(waits)) / took, len(waits), float64(waits[len(waits)*99/100].Microseconds()) / 1000}, nil
}

// converse has one connection until the time is up and returns how long each answer took.
func converse(ctx context.Context, host string, request []byte, head bool) (waits []time.Duration, err error) {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	r := bufio.NewReaderSize(c, 32<<10)
	for ctx.Err() == nil {
		from := time.Now()
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		if err := readAnswer(r, head); err != nil {
			return nil, err
		}
		waits = append(waits, time.Since(from))
	}
	return waits, nil
}

// readAnswer passes over one answer. Header lines are read as they stand; only their length and form of transfer matter.
func readAnswer(r *bufio.Reader, head bool) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || line[9] != '2' {
		return fmt.Errorf("answered %s", strings.TrimSpace(string(line)))
	}
	size, chunked := 0, false
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		switch line[0] | 0x20 {
		case 'c':
			if v, ok := cutHeader(line, "content-length:"); ok {
				if _, err := fmt.Sscan(v, &size); err != nil {
					return err
				}
			}
		case 't':
			if v, ok := cutHeader(line, "transfer-encoding:"); ok {
				chunked = v == "chunked"
			}
		}
	}
	switch {
	case head:
		return nil
	case chunked:
		return passChunks(r)
	}
	_, err = r.Discard(size)
	return err
}

func cutHeader(line []byte, name string) (string, bool) {
	if len(line) < len(name) || !strings.EqualFold(string(line[:len(name)]), name) {
		return "", false
	}
	return strings.TrimSpace(string(line[len(name):])), true
}

func passChunks(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscanf(string(line), "%x", &n); err != nil {
			return err
		}
		if _, err := r.Discard(n + 2); err != nil || n == 0 {
			return err
		}
	}
}

// download reads a file, or a span of it, and returns how many bytes came.
func download(ctx context.Context, client *http.Client, address, token, span string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if span != "" {
		r.Header.Set("Range", "bytes="+span)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		return 0, fmt.Errorf("answered %s", resp.Status)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 512<<10))
	return int(n), err
}
