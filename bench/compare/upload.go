package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// uploads is W3: a large file of new content each time, until it is on the disk: the file system is synced for everybody, since
// the peers do not say when their bytes are safe.
func uploads(s *session) error {
	data := bytes.Clone(s.large)
	if err := s.hub.create("up"); err != nil {
		return err
	}
	turn := func(who string, send func(sha string) error) contestant {
		return contestant{who, func() (float64, error) {
			renew(data)
			sha := sha256Hex(data)
			if err := syncAll(s.dir); err != nil {
				return 0, err
			}
			secs, err := timed(func() error { return errors.Join(send(sha), syncAll(s.dir)) })
			return rate(len(data), secs), err
		}}
	}
	meter := cpuMeter{unit: func() float64 { return gib(len(data)) }}
	all := []contestant{meter.wrap(turn(hubName, func(sha string) error {
		if err := s.hub.putLarge("up", sha, data); err != nil {
			return err
		}
		return s.hub.commit("up", commitBody([]file{{path: "up.bin", sha: sha, size: len(data)}}))
	}), s.hub.process)}
	client := streaming()
	defer client.CloseIdleConnections()
	if p := s.peer("W3", "nginx", startNginx); p != nil {
		all = append(all, meter.wrap(turn("nginx DAV, no hash", func(string) error { return s.put(client, "http://"+p.addr+"/dav/up.bin", data, false) }), p))
	}
	if p := s.peer("W3", "versitygw", startVersity); p != nil {
		all = append(all, meter.wrap(turn("versitygw, no hash", func(string) error { return s.put(client, "http://"+p.addr+"/bench/up.bin", data, true) }), p))
	}
	from := s.path("dd.in")
	if err := os.WriteFile(from, data, 0o600); err != nil {
		return err
	}
	defer os.Remove(from)
	measured := all
	all = append(all, s.copying("limit: dd, fsync", from, len(data), "conv=fsync"), s.copying("limit: dd direct, fsync", from, len(data), "oflag=direct", "conv=fsync"), shaLimit(data))
	s.inTurn(row{"W3", "upload by LFS, durable", "GiB/s", false}, s.rounds, false, all)
	meter.record(s, row{"W3", "upload: server's processor time", "s/GiB", true}, measured, false)
	for _, peer := range [][]string{{"nginx", "dav", "up.bin"}, {"s3", "bench", "up.bin"}} {
		_ = os.Remove(s.path(peer...))
	}
	return nil
}

// put sends an object, to an S3 store with a signature.
func (s *session) put(client *http.Client, url string, data []byte, signed bool) error {
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPut, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	if signed {
		if err := signS3(s, r); err != nil {
			return err
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 300))
	if resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("answered %s %s", resp.Status, b)
	}
	return err
}
